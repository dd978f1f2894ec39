import fc from "fast-check";
import { expect, test } from "vitest";
import { decodeBase64Url, encodeBase64Url } from "../src/base64url.ts";

test("is what Node.js writes, and reads it", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 70 }), (bytes) => {
      const text = encodeBase64Url(bytes);
      expect(text).toBe(Buffer.from(bytes).toString("base64url"));
      expect(decodeBase64Url(text)).toEqual(bytes);
    }),
  );
});

test("takes one form only: whatever is read is written the same", () => {
  const character = fc.constantFrom(..."AQgwZ_-9+/= \u{1f600}");
  fc.assert(
    fc.property(fc.array(character, { maxLength: 12 }), (characters) => {
      const text = characters.join("");
      const bytes = decodeBase64Url(text);
      if (bytes) expect(encodeBase64Url(bytes)).toBe(text);
      else expect(Buffer.from(text, "base64url").toString("base64url")).not.toBe(text);
    }),
    { numRuns: 1_000 },
  );
});
