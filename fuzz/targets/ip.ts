import { isIPv4, isIPv6, SocketAddress } from "node:net";
import { equalBytes, formatIpv4, formatIpv6, parseIpv4, parseIpv6, rosterAddress } from "@lekt/protocol";
import { type FuzzInput, inputOf } from "../engine/fuzz-input.ts";
import { check, type FuzzTarget, type Note } from "../engine/fuzz-target.ts";
import { textOf, words } from "./text-input.ts";

const TEXTS = [
  "0.0.0.0",
  "255.255.255.255",
  "203.0.113.7",
  "01.2.3.4",
  "1.2.3",
  "::",
  "::1",
  "2001:db8::7",
  "1:2:3:4:5:6:7:8",
  "1:2:3:4:5:6:7::",
  "::2:3:4:5:6:7:8",
  "1::3:4:5:6:7:8",
  "::ffff:1.2.3.4",
  "64:ff9b::1.2.3.4",
  "fe80::1%eth0",
  "1:0:0:2:0:0:0:3",
  "1:2:3:4:5:6:1.2.3.4",
  ":::",
  "1::2::3",
  "12345::",
  "0:0:0:0:0:ffff:102:304",
];

export function ipTarget(name: string): FuzzTarget {
  const run = ({ bytes }: FuzzInput, note: Note) => {
    const text = textOf(bytes);
    const ipv4 = parseIpv4(text);
    note(`${ipv4 === undefined} ${text.split(":").length} ${text.split(".").length} ${text.includes("::")}`);
    check((ipv4 !== undefined) === isIPv4(text), `as IPv4 it is judged unlike the platform does: ${text}`);
    if (ipv4 !== undefined) check(formatIpv4(ipv4) === text, "IPv4 is written another way than it was read");
    const ipv6 = parseIpv6(text);
    const isWithoutZone = isIPv6(text) && !text.includes("%");
    check((ipv6 !== undefined) === isWithoutZone, `as IPv6 it is judged unlike the platform does: ${text}`);
    if (ipv6) checkIpv6(ipv6, new SocketAddress({ address: text, family: "ipv6" }).address);
    if (bytes.length === 16) checkIpv6(bytes, undefined);
    const address = rosterAddress(text);
    const isNone = !isIPv4(text) && !isIPv6(text.replace(/%.*$/, ""));
    check((address === undefined) === isNone, `as a client's address it is judged otherwise: ${text}`);
    if (address) check(address.ip >= 0 && address.ip <= 0xffff_ffff, "an address is no u32");
    if (address?.ipv6) check(address.ip >= 0xf000_0000, "a pseudo address is below 240.0.0.0");
  };
  return {
    name,
    oracle: "judges, reads and writes addresses as the platform does",
    takesSplits: false,
    takesCalls: false,
    maxBytes: 64,
    dictionary: words(":", "::", ".", "0", "1", "255", "256", "ffff", "%", "1.2.3.4", "0:0:"),
    seeds: () => words(...TEXTS).map((bytes) => inputOf(bytes)),
    run,
  };
}

/** @param platform how the platform writes it. */
function checkIpv6(bytes: Uint8Array, platform: string | undefined): void {
  const written = formatIpv6(bytes);
  const read = parseIpv6(written);
  check(read !== undefined && equalBytes(read, bytes), `IPv6 ${written} is not read as it was written`);
  // The platform also writes ::1.2.3.4, which RFC 5952 leaves open.
  if (platform !== undefined && (written.includes(".") || !platform.includes("."))) {
    check(written === platform, `IPv6 is written ${written}, by the platform ${platform}`);
  }
}
