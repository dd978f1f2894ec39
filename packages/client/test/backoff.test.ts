import { describe, expect, test } from "vitest";
import { backoffDelayMs } from "../src/backoff.ts";

const bounds = (random: number) => (attempt: number) =>
  backoffDelayMs(attempt, { baseMs: 250, capMs: 30_000, random: () => random });

describe("backoff", () => {
  test("the bound doubles with each attempt, up to the cap", () => {
    const upper = [1, 2, 3, 7, 8, 9, 2_000].map(bounds(1));
    expect(upper).toEqual([250, 500, 1_000, 16_000, 30_000, 30_000, 30_000]);
  });

  test("full jitter: evenly from nothing up to the bound", () => {
    expect([1, 2, 3].map(bounds(0))).toEqual([0, 0, 0]);
    expect([1, 2, 3].map(bounds(0.5))).toEqual([125, 250, 500]);
  });
});
