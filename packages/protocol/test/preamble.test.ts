import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { identityText } from "../src/peers/identity-text.ts";
import { decodePreamble, encodePreamble, labelFault } from "../src/peers/preamble.ts";

test("whatever comes is read, faulty, or too short, and what is read is written the same", () => {
  const byte = fc.oneof(fc.constantFrom(0, 1, 2, 3, 0x78), fc.integer({ min: 0, max: 255 }));
  fc.assert(
    fc.property(
      fc.array(byte, { maxLength: 40 }).map((bytes) => Uint8Array.from(bytes)),
      fc.constantFrom("dialing", "accepting"),
      (bytes, from) => {
        const read = decodePreamble(bytes, from);
        if (typeof read === "string") return;
        if (typeof read === "number") expect(read).toBeGreaterThan(0);
        else {
          const written = encodePreamble(read);
          expect(written).toEqual(bytes.subarray(0, written.length));
        }
      },
    ),
    { numRuns: 2_000 },
  );
});

describe("a label", () => {
  it("has 255 bytes of UTF-8 at most", () => {
    expect(labelFault("é".repeat(127))).toBeUndefined();
    expect(labelFault("l".repeat(255))).toBeUndefined();
    expect(labelFault("é".repeat(128))).toMatch(/longer than 255 bytes/);
    expect(labelFault("l".repeat(256))).toMatch(/longer than 255 bytes/);
  });

  it("has no half of a surrogate pair", () => {
    for (const label of ["\ud800", "a\udc00", "\ude00\ud83d"])
      expect(labelFault(label)).toMatch(/half a surrogate/);
    expect(labelFault("\ud83d\ude00")).toBeUndefined();
  });

  it("has no control characters", () => {
    for (const label of ["a\n", "\u0000", "\u007f", "\u009f"]) expect(labelFault(label)).toMatch(/control/);
  });
});

test("identities that differ in one of the first 100 bits look different", () => {
  const identity = fc.uint8Array({ minLength: 32, maxLength: 32 });
  fc.assert(
    fc.property(identity, fc.integer({ min: 0, max: 255 }), (bytes, bit) => {
      const other = Uint8Array.from(bytes, (byte, i) => (i === bit >> 3 ? byte ^ (0x80 >> (bit & 7)) : byte));
      expect(identityText(bytes)).toMatch(/^[0-9a-hjkmnp-tv-z]{4}(-[0-9a-hjkmnp-tv-z]{4}){4}$/);
      expect(identityText(other) === identityText(bytes)).toBe(bit >= 100);
    }),
  );
});
