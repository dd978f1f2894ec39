import { expect, test } from "vitest";
import { StunRate } from "../../src/stun/stun-rate.ts";

test("so many of an address in a second and no more; others have their own", () => {
  const rate = new StunRate(2);
  expect([1, 1, 1, 2].map((group) => rate.admits(group, 0))).toEqual([true, true, false, true]);
  expect(rate.admits(1, 999)).toBe(false);
  expect(rate.admits(1, 1_000)).toBe(true);
});

test("so many of all and no more", () => {
  const rate = new StunRate(2, 3);
  expect([1, 2, 3, 4].map((group) => rate.admits(group, 0))).toEqual([true, true, true, false]);
  expect(rate.admits(4, 1_000)).toBe(true);
});

test("a flood of one address leaves the others what is there for all", () => {
  const rate = new StunRate(2, 4);
  for (let i = 0; i < 100; i++) rate.admits(1, 0);
  expect([2, 2, 2, 3].map((group) => rate.admits(group, 0))).toEqual([true, true, false, false]);
});
