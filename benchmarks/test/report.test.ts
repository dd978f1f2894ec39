import { expect, it } from "vitest";
import { parseBenchOptions } from "../bench-options.ts";
import type { Result } from "../harness/matrix.ts";
import { plot } from "../report/plot.ts";
import { MEASURES, Summary } from "../report/summary.ts";
import { asMarkdown, asText, shortcomings, tableOf } from "../report/tables.ts";
import { ENTRANTS } from "../rivals/registry.ts";

const ENTRANTS_OF_TEST = ENTRANTS.slice(0, 3);

/** CPU time as it is given, for 100 entries; everything else is the same for all. */
function measured(rival: string, members: number, joinCpuSeconds: number): Result {
  const news = {
    leaveCpuSeconds: 0.1,
    leaveSeconds: 0.1,
    churnCpuSeconds: 0.1,
    propagationP50Ms: 5,
    propagationP99Ms: 9,
  };
  const figures = { entries: 100, joinCpuSeconds, joinSeconds: 2, bytesPerClient: 20_000, news };
  return { rival, members, outcome: { kind: "measured", figures } };
}

const RESULTS: readonly Result[] = [
  measured("lekt", 250, 1e-4),
  measured("lekt", 250, 3e-4),
  measured("lekt", 250, 2e-4),
  measured("ws-binary", 250, 5e-4),
  {
    rival: "ws-json",
    members: 250,
    outcome: { kind: "too slow", phase: "join", limitSeconds: 30, reached: "" },
  },
  measured("lekt", 500, 4e-4),
  { rival: "ws-binary", members: 500, outcome: { kind: "wrong", why: "join: member 1 was told of 2 twice" } },
  {
    rival: "ws-json",
    members: 500,
    outcome: { kind: "not run", why: "250 clients took more than 30 s already" },
  },
];

it("takes the middle of repeated runs and compares it with LEKT's", () => {
  const [cpu] = MEASURES;
  if (!cpu) throw new Error("no measure");
  const table = tableOf(new Summary(ENTRANTS_OF_TEST, RESULTS), cpu);
  expect(table.rows).toEqual([
    ["LEKT", "2", "4"],
    ["ws, binary, once a tick", "5 (2.5×)", "wrong"],
    ["ws, JSON", "> 30 s", "–"],
  ]);
  expect(asMarkdown(table)).toContain("| ws, JSON | > 30 s | – |\n");
  expect(shortcomings(new Summary(ENTRANTS_OF_TEST, RESULTS))).toMatch(/^\* ws, JSON: Bytes have to be/m);
  expect(asText(table)).toMatch(/^ws, JSON {2,}> 30 s {2,}–$/m);
});

it("draws a line for each that was measured, also where one size is all there is", () => {
  for (const results of [RESULTS, RESULTS.slice(0, 5)]) {
    const svg = plot(new Summary(ENTRANTS_OF_TEST, results));
    expect(svg.match(/class="line"/g)).toHaveLength(2 * MEASURES.length);
    expect(svg).toContain(">LEKT</text>");
    expect(svg).not.toContain(">ws, JSON</text>");
    expect(svg).not.toMatch(/NaN|Infinity|undefined/);
  }
});

it("reads the command line, and says what it cannot read", () => {
  const options = parseBenchOptions(["--only", "lekt,redis", "--sizes", "20,40", "--repeats", "3"]);
  expect(options.entrants.map(({ rival }) => rival.name)).toEqual(["lekt", "redis"]);
  expect(options).toMatchObject({ sizes: [20, 40], repeats: 3, quick: false });
  expect(() => parseBenchOptions(["--only", "lekt,carrier-pigeon"])).toThrow("no rival carrier-pigeon");
  expect(() => parseBenchOptions(["--sizes", "1"])).toThrow("--sizes 1 is no whole number from 2 up");
  expect(() => parseBenchOptions(["--fast"])).toThrow("--fast");
});
