import { describe, expect, it, vi } from "vitest";
import { run, type Work } from "../harness/run.ts";
import { ENTRANTS } from "../rivals/registry.ts";

const WORK: Work = {
  members: 20,
  joinLimitMs: 60_000,
  churnPerSecond: 10,
  churnSeconds: 1,
  loadProcesses: 1,
  idleMs: 0,
};

// Each test starts two processes, which takes its time where others do so, too.
vi.setConfig({ testTimeout: 180_000 });

describe("each rival", () => {
  // Whose peers find each other by chance may or may not succeed.
  for (const { rival, url } of ENTRANTS.filter(({ rival }) => !rival.peersWork)) {
    it(`${rival.name} lets everybody know everybody, or says what is missing`, async () => {
      const missing = await rival.missing?.();
      if (missing !== undefined) {
        expect(missing).toMatch(/is not installed/);
        return;
      }
      const outcome = await run(url, WORK, () => {});
      expect(outcome).toMatchObject({ kind: "measured", figures: { entries: 20 * 19 } });
      if (outcome.kind !== "measured" || !outcome.figures.news) throw new Error("nothing was measured");
      const { joinCpuSeconds, joinSeconds, news } = outcome.figures;
      for (const value of [joinCpuSeconds, joinSeconds, news.propagationP50Ms, news.propagationP99Ms]) {
        expect(value).toBeGreaterThan(0);
        expect(value).toBeLessThan(60_000);
      }
      expect(news.propagationP99Ms).toBeGreaterThanOrEqual(news.propagationP50Ms);
    });
  }
});

describe("a wrong server", () => {
  const wrong = (name: string) => new URL(`wrong-servers/${name}.ts`, import.meta.url).href;

  it("that alters a byte is caught", async () => {
    const outcome = await run(wrong("altering"), WORK, () => {});
    expect(outcome).toMatchObject({
      kind: "wrong",
      why: expect.stringMatching(/an entry that nobody published/),
    });
  });

  it("that keeps a leave to itself is caught", async () => {
    const outcome = await run(wrong("silent"), { ...WORK, joinLimitMs: 8_000 }, () => {});
    expect(outcome).toMatchObject({ kind: "wrong", why: expect.stringMatching(/^leave: .*who left/) });
  });
});

it("says that a server did not start", async () => {
  const url = new URL("wrong-servers/ending.ts", import.meta.url).href;
  const outcome = await run(url, WORK, () => {});
  expect(outcome).toEqual({ kind: "wrong", why: "its server ended with exit code 3 instead of listening" });
});

it("names each rival once, LEKT first", () => {
  const names = ENTRANTS.map(({ rival }) => rival.name);
  expect(names[0]).toBe("lekt");
  expect(new Set(names).size).toBe(names.length);
});
