import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeUtf8, encodeUtf8, hasControlCharacter } from "../src/utf8.ts";

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function platformDecode(bytes: Uint8Array): string | undefined {
  try {
    return strict.decode(bytes);
  } catch {
    return undefined;
  }
}

/** First bytes of three and four, and second to fourth bytes, on the edges of the ranges that UTF-8 tells apart. */
const LEADS = [0xe0, 0xe1, 0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff];
const FOLLOWING = [0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0];

function following(length: number): number[][] {
  if (length === 0) return [[]];
  return following(length - 1).flatMap((rest) => FOLLOWING.map((byte) => [byte, ...rest]));
}

describe("decodes as the platform's strict decoder does", () => {
  test.each([
    ["any bytes", fc.uint8Array({ maxLength: 8 }), 1_000],
    ["text", fc.string({ unit: "binary", maxLength: 20 }).map((text) => new TextEncoder().encode(text)), 500],
  ] as const)("%s", (_name, bytes, numRuns) => {
    fc.assert(
      fc.property(bytes, (bytes) => {
        expect(decodeUtf8(bytes)).toBe(platformDecode(bytes));
      }),
      { numRuns },
    );
  });

  test("every sequence of three and of four bytes on edges", () => {
    for (const rest of [...following(2), ...following(3)]) {
      for (const first of LEADS) {
        const bytes = Uint8Array.of(first, ...rest);
        if (decodeUtf8(bytes) !== platformDecode(bytes)) expect.fail(`${bytes}`);
      }
    }
  });

  test("every sequence of two bytes", () => {
    for (let pair = 0; pair < 0x1_0000; pair++) {
      const bytes = Uint8Array.of(pair >> 8, pair & 255);
      if (decodeUtf8(bytes) !== platformDecode(bytes)) expect.fail(`${bytes}`);
    }
  });
});

test("encodes as the platform does, halves of surrogate pairs included", () => {
  const unit = fc.oneof(
    fc.nat(0xffff),
    fc.constantFrom(0x7f, 0x80, 0x7ff, 0x800, 0xd800, 0xdbff, 0xdc00, 0xdfff, 0xffff),
  );
  fc.assert(
    fc.property(fc.array(unit, { maxLength: 12 }), (units) => {
      const text = String.fromCharCode(...units);
      expect(encodeUtf8(text)).toEqual(new TextEncoder().encode(text));
    }),
    { numRuns: 1_000 },
  );
});

test("control characters are U+0000–U+001F and U+007F–U+009F, and no others", () => {
  for (let code = 0; code < 0x3000; code++) {
    const isControl = code <= 0x1f || (code >= 0x7f && code <= 0x9f);
    if (hasControlCharacter(`a${String.fromCharCode(code)}`) !== isControl) expect.fail(code.toString(16));
  }
});
