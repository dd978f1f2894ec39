import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { admitted, type Visit } from "./visit.ts";

/** How many heartbeats at one moment are taken. */
function takenAtOnce(visit: Visit, nowMs: number, latenessMs = 0): number {
  for (let count = 0; ; count++) {
    visit.heartbeat(nowMs, latenessMs);
    if (visit.session.phase === "rejected" || count === 1_000) return count;
  }
}

describe("silence", () => {
  test("of 30 s after the zero request is too much, of a millisecond less is not", () => {
    const visit = admitted(undefined, { nowMs: 100 });
    expect(visit.session.deadlineMs).toBe(30_100);
    visit.session.onDeadline(30_099);
    expect(visit.rejection).toBeUndefined();
    visit.session.onDeadline(30_100);
    expect(visit.rejection).toMatch(/^timeout: no heartbeat for 3 intervals/);
  });

  test("counts from the last reply", () => {
    const visit = admitted().heartbeat(5_000);
    visit.session.replied(8_000, false);
    expect(visit.session.deadlineMs).toBe(38_000);
  });

  test("is none while a reply is waited for", () => {
    const visit = admitted().heartbeat(5_000);
    visit.session.onDeadline(1e9);
    expect(visit.rejection).toBeUndefined();
  });

  test("is three of the intervals that the server names", () => {
    const visit = admitted(undefined, { options: { heartbeatIntervalMs: 400 } });
    expect(visit.session.deadlineMs).toBe(1_200);
  });
});

describe("replies", () => {
  test("are owed one for each heartbeat, also for those that came at once", () => {
    const { session } = admitted().heartbeat(0).heartbeat(0).heartbeat(0);
    expect(session.pendingReplies).toBe(3);
    for (const left of [2, 1, 0]) {
      expect(session.replyDue(0, false)).toBe(true);
      session.replied(0, false);
      expect(session.pendingReplies).toBe(left);
    }
  });

  test("are owed no more after a Reject", () => {
    const { session } = admitted().heartbeat(0);
    session.reject("kicked", "bye", 0);
    expect(session.pendingReplies).toBe(0);
  });

  test.each([{ holdMs: undefined }, { holdMs: 0 }])(
    "are due at once with hold $holdMs, however often",
    ({ holdMs }) => {
      const visit = admitted(holdMs);
      const { session } = visit;
      for (let i = 0; i < 100; i++) {
        visit.heartbeat(50 * i);
        expect(session.replyDue(50 * i, i % 2 === 0)).toBe(true);
        session.replied(50 * i, i % 2 === 0);
      }
      expect(session.pendingReplies).toBe(0);
      expect(session.replyDue(5_000, true)).toBe(false);
    },
  );
});

describe("hold", () => {
  test("keeps a reply back for so long while nothing changed", () => {
    const { session } = admitted(4_000).heartbeat(1_000);
    expect(session.replyDue(1_000, false)).toBe(false);
    expect(session.deadlineMs).toBe(5_000);
    // Asking again does not put it off.
    expect(session.replyDue(4_999, false)).toBe(false);
    expect(session.deadlineMs).toBe(5_000);
    session.onDeadline(5_000);
    expect(session.replyDue(5_000, false)).toBe(true);
  });

  test("ends when something changes", () => {
    const { session } = admitted(4_000).heartbeat(1_000);
    session.replyDue(1_000, false);
    expect(session.replyDue(1_001, true)).toBe(true);
  });

  test("counts from the heartbeat, also where the reply before it took its time", () => {
    const visit = admitted(4_000).heartbeat(1_000).heartbeat(1_500);
    const { session } = visit;
    expect(session.replyDue(1_500, false)).toBe(true);
    // It was written whole only now.
    session.replied(3_000, false);
    expect(session.replyDue(3_000, false)).toBe(false);
    expect(session.deadlineMs).toBe(5_500);
  });

  test("of more than 25 s counts as 25 s", () => {
    const { session } = admitted(60_000).heartbeat(0);
    session.replyDue(0, false);
    expect(session.deadlineMs).toBe(25_000);
  });

  test("is released by a further heartbeat, whose own reply is held anew", () => {
    const visit = admitted(4_000).heartbeat(1_000);
    const { session } = visit;
    expect(session.replyDue(1_000, false)).toBe(false);
    visit.heartbeat(3_000);
    expect(session.replyDue(3_000, false)).toBe(true);
    session.replied(3_000, false);
    expect(session.replyDue(3_000, false)).toBe(false);
    expect(session.deadlineMs).toBe(7_000);
  });
});

describe("news to a client that holds", () => {
  /** How many replies with news go out at one moment. */
  function newsAtOnce(visit: Visit, nowMs: number): number {
    for (let count = 0; ; count++) {
      if (visit.session.pendingReplies === 0) visit.heartbeat(nowMs);
      if (!visit.session.replyDue(nowMs, true) || count === 100) return count;
      visit.session.replied(nowMs, true);
    }
  }

  test("are 20 at once, then one in 50 ms; what comes faster waits", () => {
    const visit = admitted(25_000, { options: { heartbeatsPerSecond: 0 } });
    expect(newsAtOnce(visit, 1_000)).toBe(20);
    expect(visit.session.deadlineMs).toBe(1_050);
    expect(newsAtOnce(visit, 1_049)).toBe(0);
    expect(newsAtOnce(visit, 1_050)).toBe(1);
    expect(newsAtOnce(visit, 1_099)).toBe(0);
    expect(newsAtOnce(visit, 1_200)).toBe(3);
  });

  test("may come in a burst again after a second", () => {
    const visit = admitted(25_000, { options: { heartbeatsPerSecond: 0 } });
    newsAtOnce(visit, 1_000);
    expect(newsAtOnce(visit, 1_999)).toBe(19);
    expect(newsAtOnce(visit, 100_000)).toBe(20);
  });

  test("replies without news are not counted", () => {
    const visit = admitted(25_000, { options: { heartbeatsPerSecond: 0 } });
    for (let i = 0; i < 50; i++) {
      visit.heartbeat(0);
      visit.session.replied(0, false);
    }
    expect(newsAtOnce(visit, 0)).toBe(20);
  });
});

describe("the rate of heartbeats", () => {
  test("40 at once are taken, one more is not", () => {
    const visit = admitted();
    expect(takenAtOnce(visit, 100)).toBe(40);
    expect(visit.rejection).toBe("rate: more than 20 heartbeats or updates a second");
  });

  test("so are 40 at once whatever fraction of a millisecond the clock shows", () => {
    const fraction = fc.double({ min: 0, max: 1e7, noNaN: true });
    fc.assert(
      fc.property(fraction, (nowMs) => {
        expect(takenAtOnce(admitted(), nowMs)).toBe(40);
      }),
    );
  });

  test("20 a second are taken for ever, a few more are not", () => {
    const steady = admitted();
    for (let i = 0; i < 2_000; i++) steady.heartbeat(50 * i);
    expect(steady.rejection).toBeUndefined();
    const hasty = admitted();
    for (let i = 0; i < 2_000; i++) hasty.heartbeat(49 * i);
    expect(hasty.rejection).toMatch(/^rate: /);
  });

  test("after a burst, what 50 ms give back is one", () => {
    const visit = admitted();
    for (let i = 0; i < 40; i++) visit.heartbeat(0);
    visit.heartbeat(50);
    expect(visit.rejection).toBeUndefined();
    visit.heartbeat(99);
    expect(visit.rejection).toMatch(/^rate: /);
  });

  test("time by which the server itself was late is not charged", () => {
    expect(takenAtOnce(admitted(), 0, 50)).toBe(41);
    expect(takenAtOnce(admitted(), 0, 49)).toBe(40);
    expect(takenAtOnce(admitted(), 0, 1_000)).toBe(60);
  });

  test.each([
    { heartbeatsPerSecond: 5, taken: 40 },
    { heartbeatsPerSecond: 0, taken: 1_000 },
  ])("heartbeatsPerSecond $heartbeatsPerSecond", ({ heartbeatsPerSecond, taken }) => {
    const visit = admitted(undefined, { options: { heartbeatsPerSecond } });
    expect(takenAtOnce(visit, 0)).toBe(taken);
    if (heartbeatsPerSecond > 0)
      expect(visit.rejection).toMatch(`more than ${heartbeatsPerSecond} heartbeats`);
  });
});

describe("a stray answer in the heartbeat phase", () => {
  test("for index 0 is ignored, up to the longest payload, and ends no silence", () => {
    const visit = admitted();
    visit.answer(0, 0).answer(0, 4_096);
    expect(visit.rejection).toBeUndefined();
    expect([visit.session.pendingReplies, visit.session.deadlineMs]).toEqual([0, 30_000]);
    visit.heartbeat(1);
    expect(visit.session.pendingReplies).toBe(1);
  });

  test("for index 0 that is too long: limit; for another index: malformed", () => {
    expect(admitted().answer(0, 4_097).rejection).toMatch(/^limit: .*method 0/);
    expect(admitted().answer(1, 2).rejection).toMatch(/^malformed: /);
  });

  test("counts in the rate", () => {
    const visit = admitted();
    for (let i = 0; i < 40; i++) visit.answer(0, 0);
    expect(visit.rejection).toBeUndefined();
    expect(visit.answer(0, 0).rejection).toMatch(/^rate: /);
  });
});
