import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { concatBytes } from "../src/bytes.ts";
import { UpdateLog } from "../src/update-log.ts";

function appendAll(log: UpdateLog, sizes: readonly number[], nowMs = 0): Uint8Array[] {
  return sizes.map((size, i) => {
    const packet = log.append(size, nowMs);
    expect(packet).toHaveLength(size);
    return packet.fill(i + 1);
  });
}

describe("reading", () => {
  const sizes = fc.array(fc.oneof(fc.integer({ min: 1, max: 600 }), fc.integer({ min: 1, max: 33_000 })), {
    minLength: 1,
    maxLength: 30,
  });

  test("from any packet on, whole packets up to a number of bytes, until the end", () => {
    fc.assert(
      fc.property(sizes, fc.nat(), fc.constantFrom(1, 1_000, 40_000, 1e9), (sizes, which, maxBytes) => {
        const log = new UpdateLog();
        const packets = appendAll(log, sizes);
        const edges = packets.map((_, i) => sizes.slice(0, i).reduce((sum, size) => sum + size, 0));
        const read: Uint8Array[] = [];
        let position = edges[which % edges.length] as number;
        while (position < log.end) {
          const parts = log.read(position, maxBytes) ?? [];
          const bytes = parts.reduce((sum, part) => sum + part.length, 0);
          expect(bytes).toBeGreaterThan(0);
          if (parts.length > 1) expect(bytes).toBeLessThanOrEqual(maxBytes);
          for (const part of parts) {
            position += part.length;
            expect([...edges, log.end]).toContain(position);
            read.push(part);
          }
        }
        const expected = concatBytes(packets.slice(which % edges.length));
        expect(Buffer.compare(concatBytes(read), expected)).toBe(0);
        expect(log.read(log.end, maxBytes)).toEqual([]);
      }),
      { numRuns: 150 },
    );
  });

  test("all who stand at one place share one answer, until something is appended", () => {
    const log = new UpdateLog();
    appendAll(log, [100, 100]);
    const parts = log.read(100, 1_000);
    expect(log.read(100, 1_000)).toBe(parts);
    appendAll(log, [50]);
    expect(concatBytes(log.read(100, 1_000) ?? [])).toHaveLength(150);
    expect(log.read(0, 1_000)).not.toBe(log.read(100, 1_000));
  });

  test("what was read stays the same when more is appended", () => {
    const log = new UpdateLog();
    appendAll(log, [10]);
    const [part] = log.read(0, 1_000) as [Uint8Array];
    appendAll(log, [10, 10]);
    expect(part).toEqual(new Uint8Array(10).fill(1));
  });
});

describe("memory", () => {
  test("comes in blocks that double from 512 bytes to 32,768; a longer packet gets its own", () => {
    const allocated: number[] = [];
    const allocate = (bytes: number) => {
      allocated.push(bytes);
      return new Uint8Array(bytes);
    };
    const log = new UpdateLog({ allocate });
    for (let i = 0; i < 1_000; i++) log.append(100, 0);
    expect(allocated).toEqual(
      [512, 1_024, 2_048, 4_096, 8_192, 16_384, 32_768, 32_768, 32_768].slice(0, allocated.length),
    );
    expect(allocated.length).toBeGreaterThanOrEqual(8);
    log.append(40_000, 0);
    expect(allocated.at(-1)).toBe(40_000);
    expect(log.keptBytes).toBe(allocated.reduce((sum, bytes) => sum + bytes));
    expect(log.end).toBe(140_000);
  });
});

describe("forgetting", () => {
  test("by time: at its edge the past is kept, a millisecond later it is gone", () => {
    const log = new UpdateLog({ historyMs: 1_000 });
    appendAll(log, [500], 0);
    appendAll(log, [500], 600);
    log.trim(1_000);
    expect([log.start, log.end]).toEqual([0, 1_000]);
    expect(concatBytes(log.read(0, 9_999) ?? [])).toHaveLength(1_000);
    log.trim(1_001);
    expect([log.start, log.end]).toEqual([500, 1_000]);
    expect(log.read(0, 9_999)).toBeUndefined();
    expect(log.read(499, 9_999)).toBeUndefined();
    expect(concatBytes(log.read(500, 9_999) ?? [])).toEqual(new Uint8Array(500).fill(1));
    log.trim(1_601);
    expect([log.start, log.end, log.keptBytes]).toEqual([1_000, 1_000, 0]);
    expect(log.read(999, 9_999)).toBeUndefined();
    expect(log.read(1_000, 9_999)).toEqual([]);
  });

  test("a block is as old as the last packet in it", () => {
    const log = new UpdateLog({ historyMs: 1_000 });
    appendAll(log, [10], 0);
    appendAll(log, [10], 900);
    log.trim(1_900);
    expect(log.start).toBe(0);
    log.trim(1_901);
    expect(log.start).toBe(20);
  });

  test("by size: what fits is kept, a byte more and the oldest block is gone", () => {
    const fill = (historyBytes: number) => {
      const log = new UpdateLog({ historyBytes });
      appendAll(log, [512, 1_024]);
      log.trim(0);
      return log;
    };
    expect(fill(512 + 1_024).start).toBe(0);
    expect(fill(512 + 1_023).start).toBe(512);
    expect(fill(512 + 1_023).keptBytes).toBe(1_024);
    expect(fill(0).start).toBe(1_536);
  });

  test("positions go on after everything was forgotten", () => {
    const log = new UpdateLog({ historyBytes: 0 });
    appendAll(log, [100]);
    log.trim(0);
    appendAll(log, [7]);
    expect([log.start, log.end]).toEqual([100, 107]);
    expect(log.read(99, 9_999)).toBeUndefined();
    expect(log.read(100, 9_999)).toEqual([new Uint8Array(7).fill(1)]);
  });

  test("an answer that was read before is not given any more", () => {
    const log = new UpdateLog({ historyMs: 10 });
    appendAll(log, [5]);
    log.read(0, 100);
    log.trim(11);
    expect(log.read(0, 100)).toBeUndefined();
  });

  test("10 minutes and 64 MiB by default", () => {
    const log = new UpdateLog({ allocate: (bytes) => new Uint8Array(bytes) });
    log.append(100, 0);
    log.trim(600_000);
    expect(log.start).toBe(0);
    log.trim(600_001);
    expect(log.start).toBe(100);
    const large = new UpdateLog();
    for (let i = 0; i < 4; i++) large.append(16 * 1_024 * 1_024, 0);
    large.trim(0);
    expect(large.start).toBe(0);
    large.append(1, 0);
    large.trim(0);
    expect(large.start).toBe(16 * 1_024 * 1_024);
  });
});
