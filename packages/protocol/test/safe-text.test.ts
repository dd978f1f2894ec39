import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { safeText } from "../src/safe-text.ts";

/** From Unicode's tables, by hand: what moves a cursor, reorders, or is not seen. */
const HARMFUL = [
  [0x00, 0x1f],
  [0x7f, 0x9f],
  [0xad, 0xad],
  [0x061c, 0x061c],
  [0x115f, 0x1160],
  [0x180b, 0x180f],
  [0x200b, 0x200f],
  [0x2028, 0x202e],
  [0x2060, 0x206f],
  [0x3164, 0x3164],
  [0xd800, 0xdfff],
  [0xfe00, 0xfe0f],
  [0xfeff, 0xfeff],
  [0xffa0, 0xffa0],
  [0xfff9, 0xfffb],
  [0xe0001, 0xe0001],
  [0xe0020, 0xe007f],
  [0xe0100, 0xe01ef],
] as const;

function isHarmful(character: string): boolean {
  const codePoint = character.codePointAt(0) as number;
  return HARMFUL.some(([first, last]) => codePoint >= first && codePoint <= last);
}

describe("other people's text", () => {
  const anyText = fc
    .array(fc.oneof(fc.constantFrom(...HARMFUL.flat()), fc.nat(0x10ffff), fc.nat(0x2fff)), { maxLength: 12 })
    .map((codePoints) => codePoints.map((codePoint) => String.fromCodePoint(codePoint)).join(""));

  test("loses whatever moves a cursor, reorders or hides", () => {
    fc.assert(
      fc.property(anyText, (text) => {
        expect([...safeText(text)].filter(isHarmful)).toEqual([]);
      }),
      { numRuns: 1_000 },
    );
    for (const [first, last] of HARMFUL) {
      for (let code = first; code <= last; code++) {
        if (safeText(String.fromCodePoint(code)) !== `\\u{${code.toString(16)}}`)
          expect.fail(code.toString(16));
      }
    }
  });

  test("is the same again when it is made safe twice", () => {
    fc.assert(
      fc.property(anyText, (text) => {
        expect(safeText(safeText(text))).toBe(safeText(text));
      }),
    );
  });

  test.each(["Zoë Müller", "さくら", "عائشة", "👋 hi", "C:\\dir", "a\u00a0b"])(
    "%j stays as it is",
    (text) => {
      expect(safeText(text)).toBe(text);
    },
  );

  test("shows what it took out", () => {
    expect(safeText("a\u001b[31mb\u202ec\u200bd\ud800")).toBe("a\\u{1b}[31mb\\u{202e}c\\u{200b}d\\u{d800}");
  });
});
