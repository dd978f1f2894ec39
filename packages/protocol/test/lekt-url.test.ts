import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { LektError } from "../src/errors.ts";
import { formatIpv4, formatIpv6 } from "../src/ip.ts";
import { DEFAULT_PORT, formatLektUrl, type LektUrl, parseLektUrl } from "../src/lekt-url.ts";
import { hasControlCharacter } from "../src/utf8.ts";
import { u32 } from "./packet-arbitraries.ts";

function faultIn(url: string): string {
  try {
    parseLektUrl(url);
  } catch (error) {
    if (error instanceof LektError && error.code === "LEKT_URL") return error.message;
    throw error;
  }
  return expect.fail(`${url} was taken`);
}

const url: fc.Arbitrary<LektUrl> = fc
  .record({
    scheme: fc.constantFrom("lekt", "lekts", "ws", "wss"),
    host: fc.oneof(
      fc.domain(),
      u32.map(formatIpv4),
      fc.uint8Array({ minLength: 16, maxLength: 16 }).map(formatIpv6),
    ),
    port: fc.oneof(fc.constant(DEFAULT_PORT), fc.integer({ min: 1, max: 65_535 })),
    network: fc.option(
      fc
        .string({ unit: "binary", minLength: 1, maxLength: 60 })
        .filter((name) => !hasControlCharacter(name) && name !== "." && name !== ".."),
      { nil: undefined },
    ),
    fragment: fc.option(fc.string({ unit: fc.constantFrom("a", "=", "#", "/", "?", "@", ":") }), {
      nil: undefined,
    }),
  })
  .map((parts) => ({ ...parts, secure: parts.scheme.endsWith("s") && parts.scheme !== "ws" }) as LektUrl);

test("formatted, then parsed", () => {
  fc.assert(
    fc.property(url, (url) => {
      expect(parseLektUrl(formatLektUrl(url))).toEqual(url);
    }),
  );
});

test("whatever text comes is parsed or told to be no URL", () => {
  const piece = fc.constantFrom(
    "lekt://",
    "LEKTS://",
    "a",
    "[",
    "]",
    "::1",
    ":",
    "/",
    "%",
    "%41",
    "#",
    "?",
    "@",
    ".",
    "1",
    "é",
    " ",
  );
  fc.assert(
    fc.property(
      fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join("")),
      (text) => {
        try {
          const parsed = parseLektUrl(text);
          expect(parseLektUrl(formatLektUrl(parsed))).toEqual(parsed);
        } catch (error) {
          expect(error).toMatchObject({ name: "LektError", code: "LEKT_URL" });
        }
      },
    ),
    { numRuns: 1_000 },
  );
});

test("is written as short as it can be", () => {
  expect(formatLektUrl(parseLektUrl("LEKT://Example.ORG:15358/"))).toBe("lekt://example.org");
  expect(formatLektUrl(parseLektUrl("lekt://[::1]:1/a%2fb#"))).toBe("lekt://[::1]:1/a%2Fb#");
});

describe("a message says which part is wrong", () => {
  test.each([
    { url: "example.org", says: /no scheme; write lekt:\/\// },
    { url: "http://example.org", says: /scheme is none of/ },
    { url: "lekt://", says: /names no host/ },
    { url: "lekt://a b", says: /spaces/ },
    { url: "lekt://1.2.3", says: /looks like an IPv4 address/ },
    { url: "lekt://[1.2.3.4]", says: /in brackets is no IPv6 address/ },
    { url: "lekt://::1/x", says: /in brackets/ },
    { url: "lekt://exämple.org", says: /xn--/ },
    { url: "lekt://a:99999", says: /port/ },
    { url: "lekt://a:", says: /port/ },
    { url: "lekt://a/b/c", says: /%2F/ },
    { url: "lekt://a/b?c", says: /query.*%3F/ },
    { url: "lekt://me@a/b", says: /user/ },
    { url: "lekt://a/%zz", says: /percent-encoded/ },
    { url: "lekt://a/%07", says: /control/ },
    { url: "lekt://a/..", says: /named/ },
    { url: "lekt://a/b\\c", says: /backslash/ },
  ])("$url", ({ url, says }) => expect(faultIn(url)).toMatch(says));

  test("with the URL, but without what may be secret in it", () => {
    expect(faultIn("lekt://me:hidden@a/b#key=hidden")).toMatch(/^"lekt:\/\/…@a\/b" is no LEKT URL: /);
    expect(faultIn("lekt://a/b/c#key=hidden")).not.toContain("hidden");
  });

  test("with the URL made safe, and cut where it is long", () => {
    expect(faultIn("lekt://a/\u001b[31m\u202e")).toContain('"lekt://a/\\u{1b}[31m\\u{202e}"');
    expect(faultIn(`lekt://a/${"b/".repeat(500)}`).length).toBeLessThan(250);
  });
});

describe("edges", () => {
  const label = (length: number) => "a".repeat(length);
  const host = (last: number) => [label(63), label(63), label(63), label(last)].join(".");

  test("a URL of 2,048 characters, and one more", () => {
    const fragment = (length: number) => `lekt://a/b#${"x".repeat(length - "lekt://a/b#".length)}`;
    expect(parseLektUrl(fragment(2_048)).fragment).toHaveLength(2_037);
    expect(faultIn(fragment(2_049))).toMatch(/longer than 2048/);
  });

  test("a host of 253 characters, and one more; a label of 63, and one more", () => {
    expect(parseLektUrl(`lekt://${host(61)}`).host).toHaveLength(253);
    expect(faultIn(`lekt://${host(62)}`)).toMatch(/host/);
    expect(parseLektUrl(`lekt://${label(63)}.org`).host).toHaveLength(67);
    for (const long of [`${label(64)}.org`, `a.${label(64)}`])
      expect(faultIn(`lekt://${long}`)).toMatch(/host/);
  });

  test("a name may end in one dot, and not in two", () => {
    expect(parseLektUrl("lekt://example.org./x").host).toBe("example.org.");
    expect(faultIn("lekt://example.org../x")).toMatch(/host/);
    expect(faultIn("lekt://.org/x")).toMatch(/host/);
  });

  test("ports 1 and 65,535, and their neighbours", () => {
    expect([1, 65_535].map((port) => parseLektUrl(`lekt://a:${port}`).port)).toEqual([1, 65_535]);
    for (const port of [0, 65_536]) expect(faultIn(`lekt://a:${port}`)).toMatch(/port/);
  });
});
