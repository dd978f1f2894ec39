import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { DeadlineTimer } from "../src/deadline-timer.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function timer() {
  const rang: number[] = [];
  const startMs = performance.now();
  const subject = new DeadlineTimer(() => rang.push(performance.now() - startMs));
  return { set: (inMs: number) => subject.set(startMs + inMs), subject, rang };
}

describe("deadline timer", () => {
  test("rings once", () => {
    const { set, rang } = timer();
    set(100);
    vi.advanceTimersByTime(1_000);
    expect(rang).toEqual([100]);
    expect(vi.getTimerCount()).toBe(0);
  });

  test("moved later, moved earlier", () => {
    const { set, rang } = timer();
    set(100);
    set(300);
    vi.advanceTimersByTime(200);
    expect(rang).toEqual([]);
    set(250);
    vi.advanceTimersByTime(1_000);
    expect(rang).toEqual([250]);
  });

  test("in the past: at once, but not within the call", () => {
    const { set, rang } = timer();
    set(-5);
    expect(rang).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(rang).toHaveLength(1);
  });

  test("stopped, and without a deadline", () => {
    const { set, subject, rang } = timer();
    set(100);
    subject.stop();
    set(100);
    set(Number.POSITIVE_INFINITY);
    vi.advanceTimersByTime(1_000);
    expect(rang).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });

  test("later than a system timer can be", () => {
    const { set, rang } = timer();
    set(2 ** 32);
    vi.advanceTimersByTime(2 ** 31);
    expect(rang).toEqual([]);
    vi.advanceTimersByTime(2 ** 31);
    expect(rang).toEqual([2 ** 32]);
  });
});
