import { expect, onTestFinished, test, vi } from "vitest";
import { MAX_WAITING, RandomTurns } from "../src/network/random-turns.ts";

const INTERVAL_MS = 40;

function asked(count: number, signal = new AbortController().signal) {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const turns = new RandomTurns(INTERVAL_MS);
  const begun: number[] = [];
  const gaveWay: number[] = [];
  const ask = (number: number) =>
    turns.take(signal).then(
      () => void begun.push(number),
      () => void gaveWay.push(number),
    );
  for (let number = 0; number < count; number++) void ask(number);
  return { begun, gaveWay, ask };
}

test("the first has its turn at once, and the others one after the other", async () => {
  const { begun, gaveWay, ask } = asked(3);
  for (const count of [1, 2, 3, 3]) {
    await vi.advanceTimersByTimeAsync(count === 1 ? 0 : INTERVAL_MS);
    expect(begun.length).toBe(count);
  }
  expect([begun[0], ...begun.slice(1).sort()]).toEqual([0, 1, 2]);
  await ask(3);
  expect(begun.length).toBe(4);
  expect(gaveWay).toEqual([]);
});

test("so many wait, and where there is one more a random one gives way", async () => {
  const first = asked(1 + MAX_WAITING);
  await vi.advanceTimersByTimeAsync(0);
  expect(first.gaveWay).toEqual([]);
  const gaveWay = new Set<number>();
  while (gaveWay.size < MAX_WAITING) {
    const more = asked(2 + MAX_WAITING);
    await vi.advanceTimersByTimeAsync(0);
    expect(more.gaveWay.length).toBe(1);
    gaveWay.add(more.gaveWay[0] as number);
  }
});

test("who is aborted waits no longer", async () => {
  const controller = new AbortController();
  const { begun, gaveWay } = asked(2, controller.signal);
  controller.abort();
  await vi.advanceTimersByTimeAsync(INTERVAL_MS);
  expect([begun, gaveWay]).toEqual([[0], [1]]);
});
