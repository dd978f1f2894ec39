import fc from "fast-check";
import { expect, test } from "vitest";
import { ByteQueue } from "../src/byte-queue.ts";

function waitingIn(queue: ByteQueue): number[] {
  return [...queue.bytes.subarray(queue.start, queue.start + queue.length)];
}

test("holds what was pushed and not consumed, in order", () => {
  const step = fc.oneof(
    fc.record({ push: fc.uint8Array({ maxLength: 100 }) }),
    fc.record({ consume: fc.nat(120) }),
    fc.constant({ trim: true as const }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const queue = new ByteQueue();
      const model: number[] = [];
      let consumed = 0;
      for (const step of steps) {
        if ("push" in step) {
          queue.push(new Uint8Array(step.push));
          model.push(...step.push);
        } else if ("trim" in step) queue.trim();
        else {
          const count = Math.min(step.consume, model.length);
          queue.consume(count);
          model.splice(0, count);
          consumed += count;
        }
        expect(waitingIn(queue)).toEqual(model);
        expect(queue.offset).toBe(consumed);
        const [skip, count] = [model.length >> 2, model.length >> 1];
        expect([...queue.copy(skip, count)]).toEqual(model.slice(skip, skip + count));
      }
    }),
    { numRuns: 300 },
  );
});

test("bytes that trickle in are moved seldom: the work grows with their number, not its square", () => {
  const queue = new ByteQueue();
  const buffers = new Map<Uint8Array, number>();
  for (let i = 0; i < 65_536; i++) {
    queue.push(Uint8Array.of(i));
    buffers.set(queue.bytes, queue.bytes.length);
  }
  expect(queue.length).toBe(65_536);
  expect(buffers.size).toBeLessThan(20);
  expect([...buffers.values()].reduce((sum, size) => sum + size)).toBeLessThan(5 * 65_536);
});

test("a stream of small packets does not make it grow", () => {
  const queue = new ByteQueue();
  let largest = 0;
  queue.push(new Uint8Array(3));
  for (let i = 0; i < 10_000; i++) {
    queue.push(new Uint8Array(10));
    queue.consume(10);
    largest = Math.max(largest, queue.bytes.length);
  }
  expect(largest).toBeLessThanOrEqual(64);
});

test("the chunk that was pushed is never written to", () => {
  const chunk = new Uint8Array(10).fill(1);
  const queue = new ByteQueue();
  queue.push(chunk.subarray(0, 5));
  queue.push(Uint8Array.of(2, 3));
  expect(waitingIn(queue)).toEqual([1, 1, 1, 1, 1, 2, 3]);
  expect([...chunk]).toEqual(new Array(10).fill(1));
});

test("what waits for its rest does not hold on to the chunk that it came in", () => {
  const kept = (chunk: number, waiting: number) => {
    const queue = new ByteQueue();
    queue.push(new Uint8Array(chunk));
    queue.consume(chunk - waiting);
    queue.trim();
    expect(queue.length).toBe(waiting);
    return queue.bytes.buffer.byteLength;
  };
  expect(kept(65_536, 1)).toBe(2);
  expect(kept(65_536, 16_383)).toBe(2 * 16_383);
  expect(kept(65_536, 16_384)).toBe(65_536);
  expect(kept(512, 1)).toBe(512);
  expect(kept(513, 1)).toBe(2);
});
