import { createHash } from "node:crypto";
import { isIPv4, isIPv6 } from "node:net";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  addressGroup,
  formatIpv4,
  formatIpv6,
  ipv4Bytes,
  parseIpv4,
  parseIpv6,
  pseudoAddress,
  rosterAddress,
  unmapIpv4,
} from "../src/ip.ts";
import { u32 } from "./packet-arbitraries.ts";

/** Zero groups are frequent: they are what the short form is about. */
const ipv6 = fc
  .array(fc.oneof({ weight: 2, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(0xffff) }), {
    minLength: 8,
    maxLength: 8,
  })
  .map((groups) => Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 255])));

/** Texts that are nearly addresses. */
const nearlyIpv4 = fc
  .array(fc.oneof(fc.nat(300).map(String), fc.constantFrom("", "00", "01", "1e1", " 1", "+1", "-0", "256")), {
    minLength: 3,
    maxLength: 5,
  })
  .map((parts) => parts.join("."));
const nearlyIpv6 = fc
  .array(fc.constantFrom("0", "1", "ab", "FFFF", "00000", "g", "", "", "1.2.3.4", "1.2.3"), { maxLength: 9 })
  .map((parts) => parts.join(":"));

/** Up to ten groups with "::" or ":" between two of them: on both sides of what is too many. */
const manyGroups = fc
  .record({ before: fc.nat(5), between: fc.constantFrom(":", "::"), after: fc.nat(5) })
  .map(({ before, between, after }) =>
    [before, after].map((count) => new Array<string>(count).fill("1").join(":")).join(between),
  );

describe("IPv4", () => {
  test("formatted, then parsed", () => {
    fc.assert(
      fc.property(u32, (ip) => {
        expect(parseIpv4(formatIpv4(ip))).toBe(ip);
        expect(formatIpv4(ip)).toBe([...ipv4Bytes(ip)].join("."));
      }),
    );
  });

  test("parses what the platform takes for an address, and nothing else", () => {
    fc.assert(
      fc.property(fc.oneof(nearlyIpv4, fc.ipV4(), fc.string()), (text) => {
        expect(parseIpv4(text) !== undefined).toBe(isIPv4(text));
      }),
      { numRuns: 500 },
    );
  });
});

describe("IPv6", () => {
  test("formatted, then parsed", () => {
    fc.assert(
      fc.property(ipv6, (bytes) => {
        expect(parseIpv6(formatIpv6(bytes))).toEqual(bytes);
      }),
    );
  });

  test("formats as the platform does", () => {
    fc.assert(
      fc.property(ipv6, (bytes) => {
        fc.pre(unmapIpv4(bytes) === undefined);
        const full = Buffer.from(bytes)
          .toString("hex")
          .replace(/.{4}(?=.)/g, "$&:");
        expect(formatIpv6(bytes)).toBe(new URL(`http://[${full}]`).hostname.slice(1, -1));
      }),
      { numRuns: 300 },
    );
  });

  test("parses what the platform takes for an address, and nothing else; a zone is not taken", () => {
    fc.assert(
      fc.property(fc.oneof(nearlyIpv6, manyGroups, fc.ipV6(), fc.string()), (text) => {
        expect(parseIpv6(text) !== undefined).toBe(isIPv6(text) && !text.includes("%"));
      }),
      { numRuns: 1_000 },
    );
    expect(parseIpv6("fe80::1%eth0")).toBeUndefined();
  });

  test("an IPv4-mapped address is written as such", () => {
    expect(formatIpv6(parseIpv6("::ffff:cb00:7107") as Uint8Array)).toBe("::ffff:203.0.113.7");
    expect(formatIpv6(parseIpv6("::fffe:cb00:7107") as Uint8Array)).toBe("::fffe:cb00:7107");
  });
});

test("pseudo address: 240.0.0.0/4 and the first 28 bits of the hash", () => {
  fc.assert(
    fc.property(ipv6, (bytes) => {
      const hash = createHash("sha256").update(bytes).digest("hex");
      expect(pseudoAddress(bytes).toString(16)).toBe(`f${hash.slice(0, 7)}`);
    }),
  );
});

describe("what stands in the roster", () => {
  test.each([
    { text: "203.0.113.7", ip: "203.0.113.7", ipv6: undefined },
    { text: "::ffff:203.0.113.7", ip: "203.0.113.7", ipv6: undefined },
    { text: "2001:db8::7", ip: "248.207.53.14", ipv6: "2001:db8::7" },
    { text: "fe80::1%eth0", ip: "242.225.129.5", ipv6: "fe80::1" },
  ])("for a client at $text", ({ text, ip, ipv6 }) => {
    const address = rosterAddress(text);
    expect(address && formatIpv4(address.ip)).toBe(ip);
    expect(address?.ipv6 && formatIpv6(address.ipv6)).toBe(ipv6);
  });

  test.each(["", "localhost", "1.2.3", "1.2.3.4%eth0", ":::"])("for %j: nothing", (text) => {
    expect(rosterAddress(text)).toBeUndefined();
  });
});

test("limits count by IPv4 address and by the /64 of IPv6", () => {
  const group = (text: string) => addressGroup(rosterAddress(text) as { ip: number });
  expect(group("192.0.2.1")).toBe(group("::ffff:192.0.2.1"));
  expect(group("192.0.2.1")).not.toBe(group("192.0.2.2"));
  expect(group("2001:db8:0:1::1")).toBe(group("2001:db8:0:1:ffff:ffff:ffff:ffff"));
  expect(group("2001:db8:0:1::1")).not.toBe(group("2001:db8:0:2::1"));
});
