import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { ConnectTurns } from "../../src/peers/connect-turns.ts";
import { SIGNAL_BURST, SIGNALS_OF_A_CONNECT, type SignalShare } from "../../src/peers/signal-budget.ts";

const AT_ONCE = Math.floor(SIGNAL_BURST / SIGNALS_OF_A_CONNECT);

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
});
afterEach(() => {
  vi.useRealTimers();
});

describe("turns", () => {
  let turns: ConnectTurns;
  let begun: [number, SignalShare][];

  /** So many ask for a turn, each numbered. */
  async function ask(count: number, signal = new AbortController().signal): Promise<void> {
    const first = begun.length;
    for (let i = 0; i < count; i++) {
      void turns.begin([signal]).then((share) => begun.push([first + i, share]));
    }
    await vi.advanceTimersByTimeAsync(0);
  }

  beforeEach(() => {
    turns = new ConnectTurns();
    begun = [];
  });

  test("are given in the order in which they were asked for, as others end", async () => {
    await ask(AT_ONCE + 2);
    expect(begun.map(([number]) => number)).toEqual([...Array(AT_ONCE).keys()]);
    turns.end(begun[3]?.[1] as SignalShare);
    await vi.advanceTimersByTimeAsync(0);
    expect(begun.at(-1)?.[0]).toBe(AT_ONCE);
    expect(begun).toHaveLength(AT_ONCE + 1);
  });

  test("are given as time goes on where nobody ends", async () => {
    await ask(AT_ONCE);
    for (const [, share] of begun) for (let i = 0; i < SIGNALS_OF_A_CONNECT; i++) turns.sent(share);
    await ask(2);
    expect(begun).toHaveLength(AT_ONCE);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(begun).toHaveLength(AT_ONCE + 2);
  });

  test("are had at once by who is called off, to end", async () => {
    await ask(AT_ONCE);
    const stopping = new AbortController();
    await ask(1, stopping.signal);
    await ask(1, AbortSignal.abort());
    expect(begun).toHaveLength(AT_ONCE + 1);
    stopping.abort();
    await vi.advanceTimersByTimeAsync(0);
    expect(begun).toHaveLength(AT_ONCE + 2);
    for (const [, share] of begun.splice(0)) turns.end(share);
    await ask(AT_ONCE + 1);
    expect(begun).toHaveLength(AT_ONCE);
  });
});
