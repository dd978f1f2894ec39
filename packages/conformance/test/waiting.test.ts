import { expect, test } from "vitest";
import { Waiting } from "../src/waiting.ts";

const QUIET_MS = 50;

/** This thread does nothing, as on a machine that is busy with others. */
function stall(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

/** Waits for what comes right after a stall that is longer than the wait. */
async function afterStall(wait: (waiting: Waiting, look: () => string | undefined) => Promise<unknown>) {
  const waiting = new Waiting();
  let come: string | undefined;
  const result = wait(waiting, () => come);
  setImmediate(() => {
    come = "it came";
    waiting.wake();
  });
  stall(2 * QUIET_MS);
  return await result;
}

test("a quiet time is longer where this process did not get on", async () => {
  expect(await afterStall((waiting, look) => waiting.untilQuiet(look, QUIET_MS))).toBe("it came");
});

test("where nothing comes it has an end, and where nothing can come any more it ends at once", async () => {
  const waiting = new Waiting();
  expect(await waiting.untilQuiet(() => undefined, QUIET_MS)).toBe(undefined);
  expect(
    await waiting.untilQuiet(
      () => undefined,
      2 ** 30,
      () => true,
    ),
  ).toBe(undefined);
});
