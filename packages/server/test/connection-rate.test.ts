import { expect, test } from "vitest";
import { ConnectionRate } from "../src/connection-rate.ts";

function admitted(rate: ConnectionRate, group: string | number, times: number, nowMs: number): number {
  let count = 0;
  for (let i = 0; i < times; i++) if (rate.admits(group, nowMs)) count++;
  return count;
}

test("so many a second are admitted, those at the very start of the clock too", () => {
  const rate = new ConnectionRate(5);
  expect(admitted(rate, 1, 5, 0)).toBe(5);
  expect(admitted(rate, 1, 5, 999)).toBe(0);
  expect(admitted(rate, 1, 6, 1_000)).toBe(5);
});

test("each address has its own count", () => {
  const rate = new ConnectionRate(2);
  expect(admitted(rate, 1, 3, 0)).toBe(2);
  expect(admitted(rate, 2, 3, 0)).toBe(2);
  expect(admitted(rate, "2001:db8::/64", 3, 0)).toBe(2);
});

test("who was refused is not refused the longer for it", () => {
  const rate = new ConnectionRate(2);
  admitted(rate, 1, 100, 500);
  expect(admitted(rate, 1, 2, 1_500)).toBe(2);
});
