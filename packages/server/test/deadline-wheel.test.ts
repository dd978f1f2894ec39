import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DeadlineWheel, type Timed, WHEEL_STEP_MS } from "../src/deadline-wheel.ts";

class Alarm implements Timed {
  wheelSlot = 0;
  deadlineMs: number;

  constructor(deadlineMs: number) {
    this.deadlineMs = deadlineMs;
  }
}

/** Turns step by step up to `toMs`; when each alarm rang, or undefined. */
function ringsUntil(wheel: DeadlineWheel<Alarm>, fromMs: number, toMs: number): Map<Alarm, number> {
  const rings = new Map<Alarm, number>();
  for (let ms = fromMs; ms <= toMs; ms += WHEEL_STEP_MS) wheel.turn(ms, (alarm) => rings.set(alarm, ms));
  return rings;
}

function armed(deadlineMs: number): { wheel: DeadlineWheel<Alarm>; alarm: Alarm } {
  const wheel = new DeadlineWheel<Alarm>(0);
  const alarm = new Alarm(deadlineMs);
  wheel.arm(alarm);
  return { wheel, alarm };
}

describe("a deadline", () => {
  test("is kept to within a step, never early", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 20_000 }), { maxLength: 30 }), (deadlines) => {
        const wheel = new DeadlineWheel<Alarm>(0);
        const alarms = deadlines.map((deadlineMs) => new Alarm(deadlineMs));
        for (const alarm of alarms) wheel.arm(alarm);
        const rings = ringsUntil(wheel, 0, 21_000);
        for (const alarm of alarms) {
          const late = (rings.get(alarm) ?? Number.NaN) - alarm.deadlineMs;
          expect(late).toBeGreaterThanOrEqual(0);
          expect(late).toBeLessThan(WHEEL_STEP_MS);
        }
      }),
    );
  });

  test("that lies in the past comes up at the next step", () => {
    const wheel = new DeadlineWheel<Alarm>(10_000);
    const alarm = new Alarm(3);
    wheel.arm(alarm);
    expect(ringsUntil(wheel, 10_000, 11_000).get(alarm)).toBe(10_000 + WHEEL_STEP_MS);
  });

  test("that moved away needs no word, and comes up once", () => {
    const { wheel, alarm } = armed(1_000);
    alarm.deadlineMs = 5_000;
    expect(ringsUntil(wheel, 0, 4_999).size).toBe(0);
    expect(ringsUntil(wheel, 5_000, 9_000).get(alarm)).toBe(5_000);
    expect(alarm.wheelSlot).toBe(0);
  });

  test("that came nearer has to be armed again", () => {
    const { wheel, alarm } = armed(5_000);
    alarm.deadlineMs = 1_000;
    wheel.arm(alarm);
    expect(ringsUntil(wheel, 0, 2_000).get(alarm)).toBe(1_000);
    expect(ringsUntil(wheel, 2_050, 9_000).size).toBe(0);
  });

  test("that is infinitely far never comes up", () => {
    const { wheel } = armed(Number.POSITIVE_INFINITY);
    expect(ringsUntil(wheel, 0, 100_000).size).toBe(0);
  });
});

describe("the wheel", () => {
  test("forgets who is disarmed", () => {
    const { wheel, alarm } = armed(1_000);
    wheel.disarm(alarm);
    expect(alarm.wheelSlot).toBe(0);
    expect(ringsUntil(wheel, 0, 2_000).size).toBe(0);
    wheel.disarm(alarm);
  });

  test("catches up in one turn when it was late", () => {
    const wheel = new DeadlineWheel<Alarm>(0);
    const alarms = [100, 2_000, 60_000].map((deadlineMs) => new Alarm(deadlineMs));
    for (const alarm of alarms) wheel.arm(alarm);
    const rung: Alarm[] = [];
    wheel.turn(60_000, (alarm) => rung.push(alarm));
    expect(rung).toEqual(alarms);
  });

  test("does not turn back", () => {
    const { wheel, alarm } = armed(1_000);
    wheel.turn(2_000, () => {});
    wheel.arm(alarm);
    expect(ringsUntil(wheel, 0, 2_000).size).toBe(0);
    expect(ringsUntil(wheel, 2_050, 2_050).size).toBe(1);
  });

  test("lets the one that is up be armed again, and others be disarmed, while it turns", () => {
    const wheel = new DeadlineWheel<Alarm>(0);
    const [first, second] = [new Alarm(1_000), new Alarm(1_000)];
    wheel.arm(first);
    wheel.arm(second);
    const rung: Alarm[] = [];
    wheel.turn(1_000, (alarm) => {
      rung.push(alarm);
      wheel.disarm(second);
      alarm.deadlineMs = 3_000;
      wheel.arm(alarm);
    });
    expect(rung).toEqual([first]);
    expect([...ringsUntil(wheel, 1_050, 4_000)]).toEqual([[first, 3_000]]);
  });
});
