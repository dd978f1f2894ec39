import { afterAll, describe, expect, test } from "vitest";
import { BlockCoverage } from "../../fuzz/engine/block-coverage.ts";

// Before anything that is fuzzed is loaded.
const coverage = new BlockCoverage();
coverage.start();
const { TARGETS } = await import("../../fuzz/targets/registry.ts");
const { Hunt } = await import("../../fuzz/engine/hunt.ts");
const { keptCrashes } = await import("../../fuzz/engine/crash-file.ts");
const { BROKEN } = await import("./broken-targets.ts");

const SEED = 20_260_326;
const EXECUTIONS = 60;
/** Small enough to see that it shrinks. */
const SHRINK_RUNS = 400;

afterAll(() => coverage.stop());

describe("what was found once stays fixed", async () => {
  test.each(await keptCrashes())("$name", ({ crash }) => {
    const target = TARGETS.find(({ name }) => name === crash.target);
    expect(target, `a target ${crash.target}`).toBeDefined();
    target?.run(crash.input, () => {});
  });
});

describe("a short hunt finds nothing", () => {
  test.each(TARGETS)("$name", (target) => {
    const hunt = new Hunt(target, SEED, coverage);
    while (hunt.executions < EXECUTIONS) hunt.runBatch();
    expect(hunt.takeFindings()).toEqual([]);
    const { blocks, corpus } = hunt.statistics;
    expect(corpus).toBeGreaterThan(1);
    expect(blocks.known).toBeGreaterThanOrEqual(blocks.reached);
  });

  test("and reaches what its seeds alone do not", () => {
    const target = TARGETS.find(({ name }) => name === "server-decoder") ?? expect.fail();
    const hunt = new Hunt(target, SEED, coverage);
    hunt.runBatch();
    const { reached } = hunt.statistics.blocks;
    expect(reached).toBeGreaterThan(50);
    const { corpus } = hunt.statistics;
    while (hunt.executions < 500) hunt.runBatch();
    expect(hunt.statistics.corpus).toBeGreaterThan(corpus);
  });

  test("and is the same each time", () => {
    const target = TARGETS.find(({ name }) => name === "lekt-url") ?? expect.fail();
    const runs = [1, 2].map(() => {
      const hunt = new Hunt(target, SEED, coverage);
      while (hunt.executions < 250) hunt.runBatch();
      return { executions: hunt.executions, corpus: hunt.statistics.corpus, notes: hunt.statistics.notes };
    });
    expect(runs[0]).toEqual(runs[1]);
  });
});

describe("the fuzzer finds", () => {
  test.each(BROKEN)("$bug", ({ target, within }) => {
    const hunt = new Hunt(target, SEED, coverage, SHRINK_RUNS);
    let findings = hunt.takeFindings();
    while (findings.length === 0 && hunt.executions < within) {
      hunt.runBatch();
      findings = hunt.takeFindings();
    }
    const [finding] = findings;
    expect(finding, `a finding within ${within} executions`).toBeDefined();
    // The shrunk input is one that fails.
    expect(() => target.run(finding?.input ?? expect.fail(), () => {})).toThrow();
  });
});
