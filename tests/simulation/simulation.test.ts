import { afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { keptSeeds } from "../../simulation/kept-seeds.ts";
import { type Outcome, simulate } from "../../simulation/simulation.ts";
import { parseSimulationOptions } from "../../simulation/simulation-options.ts";
import { SimulationReport } from "../../simulation/simulation-report.ts";
import { BROKEN } from "./broken-hearts.ts";

/** The short set of the gate. */
const SEEDS = { first: 1, last: 20 } as const;
/** Seconds on a quiet machine: nothing but computing. */
const SHORT_SET_TIMEOUT_MS = 120_000;
/** Each bug is found by one of so many seeds. */
const FOUND_WITHIN = 80;

beforeAll(() => {
  // Clients meet many errors that are meant to be.
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  return () => {
    Error.stackTraceLimit = stackTraceLimit;
  };
});

afterEach(() => void vi.restoreAllMocks());

test(
  "a short set of seeds: everything holds",
  async () => {
    const sums = { clients: 0, replies: 0, changes: 0 };
    for (let seed = SEEDS.first; seed <= SEEDS.last; seed++) {
      const { violation, clients, replies, changes } = await simulate(seed);
      expect(violation, `seed ${seed}`).toBeUndefined();
      sums.clients += clients;
      sums.replies += replies;
      sums.changes += changes;
    }
    expect(sums.clients).toBeGreaterThan(100);
    expect(sums.replies).toBeGreaterThan(2_000);
    expect(sums.changes).toBeGreaterThan(20);
  },
  SHORT_SET_TIMEOUT_MS,
);

describe("what was found once stays fixed", async () => {
  test.each(await keptSeeds())("seed $seed: $found", async ({ seed }) => {
    expect((await simulate(seed)).violation).toBeUndefined();
  });
});

test("the same seed is the same to the last line", async () => {
  const traces: string[][] = [];
  for (let run = 0; run < 2; run++) {
    const lines: string[] = [];
    await simulate(5, { trace: (line) => lines.push(line) });
    traces.push(lines);
  }
  expect(traces[0]?.length).toBeGreaterThan(20);
  expect(traces[0]).toEqual(traces[1]);
});

describe("the simulation finds", () => {
  test.each(BROKEN)("$bug", async ({ breakIt, says, firstSeed = 1 }) => {
    breakIt();
    let found: Outcome | undefined;
    const last = firstSeed + FOUND_WITHIN - 1;
    for (let seed = firstSeed; seed <= last && !found?.violation; seed++) found = await simulate(seed);
    expect(found?.violation?.message).toMatch(says);
  });
});

describe("its options", () => {
  test("name a range of seeds, or one", () => {
    expect(parseSimulationOptions(["--seeds", "7..12", "--jobs", "2"])).toMatchObject({
      first: 7,
      last: 12,
      jobs: 2,
    });
    expect(parseSimulationOptions(["--seeds", "7"])).toMatchObject({ first: 7, last: 7 });
  });

  test.each(["", "x", "1..", "..2", "1..x", "3..2", "-1", "1.5"])("refuse --seeds %j", (seeds) => {
    expect(() => parseSimulationOptions([`--seeds=${seeds}`])).toThrow(/cannot be understood/);
  });

  test("refuse to run in no process", () => {
    expect(() => parseSimulationOptions(["--jobs", "0"])).toThrow("--jobs 0 is no whole number from 1 up");
  });
});

test("the report names the seed that failed, and how to replay it", () => {
  const written: string[] = [];
  const report = new SimulationReport({ write: (text) => written.push(text), isTerminal: false }, false, 2);
  const fine = { violation: undefined, clients: 1, virtualMs: 1_000, steps: 1, replies: 1, changes: 0 };
  report.outcome({ ...fine, seed: 4 });
  report.outcome({ ...fine, seed: 5, violation: { message: "it broke", atMs: 12 } });
  report.end(true);
  expect(report.failed).toEqual([5]);
  expect(written.join("")).toContain(
    "FOUND with seed 5 at 12 ms: it broke\n  replay npm run simulate -- --seeds 5 --trace\n",
  );
  expect(written.at(-1)).toMatch(/: 1 failed: 5\n$/);
});

test("the report does not call a run good that did not come to its end", () => {
  const written: string[] = [];
  const report = new SimulationReport({ write: (text) => written.push(text), isTerminal: false }, false, 2);
  report.end(false);
  expect(written.at(-1)).toMatch(/: 2 seeds were not run\n$/);
});
