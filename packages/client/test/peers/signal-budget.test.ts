import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  RESERVED_MS,
  SIGNAL_BURST,
  SIGNALS_OF_A_CONNECT,
  SIGNALS_PER_SECOND,
  SignalBudget,
  type SignalShare,
} from "../../src/peers/signal-budget.ts";

const AT_ONCE = Math.floor(SIGNAL_BURST / SIGNALS_OF_A_CONNECT);

function beginAll(budget: SignalBudget, nowMs: number): SignalShare[] {
  const shares: SignalShare[] = [];
  for (let share = budget.begin(nowMs); share; share = budget.begin(nowMs)) shares.push(share);
  return shares;
}

describe("of very many connects", () => {
  test("as many begin as the burst has signals for", () => {
    expect(beginAll(new SignalBudget(0), 0)).toHaveLength(AT_ONCE);
  });

  test("whoever ends without signals leaves them to the next", () => {
    const budget = new SignalBudget(0);
    const [first] = beginAll(budget, 0);
    budget.end(first as SignalShare);
    expect(beginAll(budget, 0)).toHaveLength(1);
  });

  test("whoever has sent what it needs keeps nothing more", () => {
    const budget = new SignalBudget(0);
    for (const share of beginAll(budget, 0)) {
      for (let i = 0; i < SIGNALS_OF_A_CONNECT; i++) budget.sent(0, share);
    }
    const refillMs = (SIGNAL_BURST / SIGNALS_PER_SECOND) * 1_000;
    expect(beginAll(budget, refillMs)).toHaveLength(AT_ONCE);
  });

  test("whoever has not sent it for some time keeps nothing more, either", () => {
    const budget = new SignalBudget(0);
    beginAll(budget, 0);
    expect(budget.begin(RESERVED_MS - 1)).toBeUndefined();
    expect(beginAll(budget, RESERVED_MS)).toHaveLength(AT_ONCE);
  });

  test("the next is looked for when what others keep is over", () => {
    const budget = new SignalBudget(0);
    for (const share of beginAll(budget, 0)) for (let i = 0; i < 11; i++) budget.sent(0, share);
    for (let i = 0; i < SIGNAL_BURST; i++) budget.sent(RESERVED_MS - 20);
    expect(budget.retryMs).toBe(RESERVED_MS);
  });

  test("the next begins when its signals will be taken, and not before", () => {
    const budget = new SignalBudget(0);
    for (const share of beginAll(budget, 0)) budget.sent(0, share);
    // All but a half of what is needed is there.
    const [missing, halfMs] = [AT_ONCE * SIGNALS_OF_A_CONNECT + SIGNALS_OF_A_CONNECT - SIGNAL_BURST, 10];
    const dueMs = (missing / SIGNALS_PER_SECOND) * 1_000;
    expect(budget.retryMs).toBe(dueMs);
    expect(budget.begin(dueMs - halfMs)).toBeUndefined();
    expect(budget.begin(budget.retryMs)).toBeDefined();
  });

  test("one alone begins, however much was answered to others", () => {
    const budget = new SignalBudget(0);
    for (let i = 0; i < 2 * SIGNAL_BURST; i++) budget.sent(0);
    expect(beginAll(budget, 0)).toHaveLength(1);
  });
});

test("a server takes all signals of connects that need no more than is usual", () => {
  const steps = fc.array(
    fc.record({
      afterMs: fc.integer({ min: 0, max: 400 }),
      who: fc.nat(),
      act: fc.constantFrom("begin", "send", "send", "send", "end"),
    }),
    { minLength: 500, maxLength: 2_000 },
  );
  fc.assert(
    fc.property(steps, (list) => {
      const budget = new SignalBudget(0);
      const open: SignalShare[] = [];
      let [nowMs, allowance] = [0, SIGNAL_BURST];
      for (const { afterMs, who, act } of list) {
        nowMs += afterMs / 20;
        allowance = Math.min(SIGNAL_BURST, allowance + (afterMs / 20_000) * SIGNALS_PER_SECOND);
        const share = open[who % open.length];
        if (act === "begin") open.push(...beginAll(budget, nowMs));
        else if (act === "end" && share)
          budget.end(...(open.splice(open.indexOf(share), 1) as [SignalShare]));
        else if (share && share.sent < SIGNALS_OF_A_CONNECT && nowMs < share.reservedUntilMs) {
          budget.sent(nowMs, share);
          allowance--;
        }
        expect(allowance).toBeGreaterThanOrEqual(-1e-6);
      }
    }),
    { numRuns: 200 },
  );
});
