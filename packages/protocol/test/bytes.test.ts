import fc from "fast-check";
import { expect, test } from "vitest";
import { byteKey, concatBytes, copyBytes, equalBytes, fromHex, toHex } from "../src/bytes.ts";
import { readI64, readU16, readU32, writeI64, writeU16, writeU32 } from "../src/integers.ts";
import { i64, u32 } from "./packet-arbitraries.ts";

const bytes = fc.uint8Array({ maxLength: 30 });

test("hex: written as the platform does, read back, and nothing else read", () => {
  fc.assert(
    fc.property(bytes, (bytes) => {
      expect(toHex(bytes)).toBe(Buffer.from(bytes).toString("hex"));
      expect(fromHex(toHex(bytes))).toEqual(bytes);
      expect(fromHex(toHex(bytes).toUpperCase())).toEqual(bytes);
    }),
  );
  for (const text of ["0", "0g", " 00", "00\n", "0x00"]) expect(fromHex(text)).toBeUndefined();
});

test("joined, compared and used as keys", () => {
  fc.assert(
    fc.property(fc.array(bytes, { maxLength: 4 }), bytes, (parts, other) => {
      const joined = concatBytes(parts);
      expect(Buffer.compare(joined, Buffer.concat(parts))).toBe(0);
      expect(equalBytes(joined, other)).toBe(Buffer.compare(joined, other) === 0);
      expect(equalBytes(joined, copyBytes(joined))).toBe(true);
      expect(byteKey(joined) === byteKey(other)).toBe(equalBytes(joined, other));
    }),
  );
});

test("the key of a long text keeps every byte", () => {
  const long = Uint8Array.from({ length: 70_000 }, (_, i) => i % 251);
  expect(byteKey(long)).toBe(Buffer.from(long).toString("latin1"));
});

test("a copy is one also of a Buffer, whose slices share its memory", () => {
  const buffer = Buffer.from([1, 2, 3]);
  const copy = copyBytes(buffer.subarray(1));
  buffer.fill(0);
  expect(copy).toEqual(Uint8Array.of(2, 3));
});

test("integers are big-endian, as the platform writes them", () => {
  fc.assert(
    fc.property(fc.nat(0xffff), u32, i64, (short, word, long) => {
      const bytes = new Uint8Array(16);
      const expected = Buffer.alloc(16);
      writeU16(bytes, 1, short);
      writeU32(bytes, 3, word);
      writeI64(bytes, 7, long);
      expected.writeUInt16BE(short, 1);
      expected.writeUInt32BE(word, 3);
      expected.writeBigInt64BE(long, 7);
      expect(Buffer.compare(bytes, expected)).toBe(0);
      expect([readU16(bytes, 1), readU32(bytes, 3), readI64(bytes, 7)]).toEqual([short, word, long]);
    }),
  );
});
