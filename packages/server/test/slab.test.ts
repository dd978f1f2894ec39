import { describe, expect, test } from "vitest";
import { SLAB_BLOCK_BYTES, SLAB_MAX_BYTES, Slab } from "../src/slab.ts";

describe("a slab", () => {
  test("gives stretches of one block that do not overlap, and then begins another", () => {
    const blocks: number[] = [];
    const slab = new Slab((bytes) => {
      blocks.push(bytes);
      return new Uint8Array(bytes);
    });
    const stretches = Array.from({ length: 9 }, (_, i) => slab.take(SLAB_MAX_BYTES).fill(i));
    expect(blocks).toEqual([SLAB_BLOCK_BYTES, SLAB_BLOCK_BYTES]);
    stretches.forEach((stretch, i) => {
      expect(stretch).toEqual(new Uint8Array(SLAB_MAX_BYTES).fill(i));
    });
    expect(stretches[0]?.buffer).toBe(stretches[7]?.buffer);
    expect(stretches[8]?.buffer).not.toBe(stretches[0]?.buffer);
  });

  test("leaves what is long alone", () => {
    const slab = new Slab();
    slab.take(1);
    expect(slab.take(SLAB_MAX_BYTES).buffer.byteLength).toBe(SLAB_BLOCK_BYTES);
    expect(slab.take(SLAB_MAX_BYTES + 1).buffer.byteLength).toBe(SLAB_MAX_BYTES + 1);
  });
});
