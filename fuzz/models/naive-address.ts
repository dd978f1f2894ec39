import { isIPv4, isIPv6 } from "node:net";

/** What the table of spec 9.5.4 says of an address: `other` means public. */
type AddressKind = "private" | "loopback" | "other" | "never";

export interface NaiveAddress {
  /** As a number; IPv4 as the IPv4-mapped IPv6 address. */
  readonly number: bigint;
  readonly kind: AddressKind;
}

/** The lines of the table. The first line that fits counts. */
const TABLE = [
  line("never", "100.100.100.200 168.63.129.16 fd00:ec2::/32 fd20:ce::/32"),
  line("never", "0.0.0.0/8 169.254.0.0/16 192.0.0.0/24 224.0.0.0/4 240.0.0.0/4"),
  line("loopback", "127.0.0.0/8 ::1"),
  line("private", "10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 100.64.0.0/10 198.18.0.0/15 fc00::/7"),
  // All other IPv4 addresses.
  line("other", "::ffff:0:0/96"),
  line("never", "::/96 64:ff9b::/96 2001::/32 2002::/16 fe80::/10 ff00::/8"),
  // What is assigned to hosts of the internet; the rest is reserved.
  line("other", "2000::/3"),
];

function line(kind: AddressKind, blocks: string): { kind: AddressKind; holds: (number: bigint) => boolean } {
  const tests = blocks.split(" ").map(block);
  return { kind, holds: (number) => tests.some((holds) => holds(number)) };
}

/** @returns undefined where it is none. */
export function naiveAddress(text: string): NaiveAddress | undefined {
  if (!isIPv4(text) && (!isIPv6(text) || text.includes("%"))) return undefined;
  const number = numberOf(text);
  return { number, kind: TABLE.find(({ holds }) => holds(number))?.kind ?? "never" };
}

/** @returns whether a number is in the block. */
function block(text: string): (number: bigint) => boolean {
  const [address = "", bits] = text.split("/");
  const total = address.includes(":") ? 128 : 32;
  const free = BigInt(total - Number(bits ?? total));
  const prefix = numberOf(address) >> free;
  return (number) => number >> free === prefix;
}

function numberOf(text: string): bigint {
  if (!text.includes(":")) {
    const number = text.split(".").reduce((sum, part) => sum * 256n + BigInt(part), 0n);
    return 0xffff_0000_0000n + number;
  }
  const quad = /[^:]*\.[^:]*$/.exec(text)?.[0];
  const tail = quad ? numberOf(quad) - 0xffff_0000_0000n : 0n;
  const hex = quad
    ? text.replace(quad, `${(tail >> 16n).toString(16)}:${(tail & 0xffffn).toString(16)}`)
    : text;
  const [left = [], right = []] = hex.split("::").map((half) => half.split(":").filter(Boolean));
  const zeros = new Array<string>(8 - left.length - right.length).fill("0");
  return [...left, ...zeros, ...right].reduce((sum, group) => sum * 65_536n + BigInt(`0x${group}`), 0n);
}
