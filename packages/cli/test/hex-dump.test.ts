import { describe, expect, it } from "vitest";
import { HexDumpReader, MAX_REPEATED_BYTES } from "../src/decode/hex-dump.ts";

const LINE = "4c 45 4b 54 48 01 00 00  00 00 00 00 00 00 00 00  |LEKTH...........|\n";

/** A line, and its repetitions up to each of the offsets. */
function dumpUntil(...offsets: readonly number[]): string {
  const lines = offsets.map((offset) => `*\n${hexOf(offset)}  ${LINE}`);
  return `00000000  ${LINE}${lines.join("")}`;
}

function hexOf(offset: number): string {
  return offset.toString(16).padStart(8, "0");
}

function lengthOf(text: string): number {
  const reader = new HexDumpReader();
  let length = 0;
  for (const bytes of reader.read(text)) length += bytes.length;
  for (const bytes of reader.end()) length += bytes.length;
  return length;
}

describe("the '*' of a hex dump", () => {
  it("stands for as much as MAX_REPEATED_BYTES", () => {
    expect(lengthOf(dumpUntil(16 + MAX_REPEATED_BYTES))).toBe(32 + MAX_REPEATED_BYTES);
  });

  it.each([
    ["one of them", dumpUntil(32 + MAX_REPEATED_BYTES)],
    ["all together", dumpUntil(32, 64 + MAX_REPEATED_BYTES)],
    ["an offset beyond all numbers", `00000000  ${LINE}*\nfffffffffffffff0\n`],
  ])("for no more: %s", (_, text) => {
    const reader = new HexDumpReader();
    const refused = () => {
      let length = 0;
      for (const bytes of reader.read(text)) length += bytes.length;
      expect(length).toBeLessThan(100);
    };
    expect(refused).toThrow(
      /^Line \d of the hex dump: '\*' stands for more than 16777216 bytes; give the raw bytes/,
    );
  });
});
