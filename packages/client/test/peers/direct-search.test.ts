import { expect, test } from "vitest";
import { directSearchDelayMs } from "../../src/peers/direct-search.ts";
import { CONNECT_PACE } from "../../src/peers/peer-connections.ts";

test("searches for a direct path come ever less often, up to a bound", () => {
  const delays = [1, 2, 3, 4, 5, 6, 7].map((search) =>
    directSearchDelayMs(search, CONNECT_PACE.directSearch),
  );
  expect(delays).toEqual([2_000, 6_000, 18_000, 54_000, 162_000, 300_000, 300_000]);
});
