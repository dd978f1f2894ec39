/** `npm run bench`: see benchmarks/README.md. */
import { mkdir, writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { runScript } from "../tools/script.ts";
import { type BenchOptions, parseBenchOptions, USAGE } from "./bench-options.ts";
import { benchConnect } from "./connect/bench-connect.ts";
import { USAGE as CONNECT_USAGE } from "./connect/connect-options.ts";
import { type Plan, type Result, runMatrix } from "./harness/matrix.ts";
import { plot } from "./report/plot.ts";
import { ProgressLine } from "./report/progress-line.ts";
import { MEASURES, MORE_MEASURES, Summary } from "./report/summary.ts";
import { asMarkdown, asText, figure, shortcomings, tableOf } from "./report/tables.ts";

/** No run is begun later, so that all is over within ten minutes. */
const LAST_BEGIN_MS = 9 * 60_000;
const QUICK_LAST_BEGIN_MS = 50_000;

function planOf(options: BenchOptions): Plan {
  const { quick, sizes, repeats, loadProcesses } = options;
  return {
    sizes,
    repeats,
    limitMs: repeats * (quick ? QUICK_LAST_BEGIN_MS : LAST_BEGIN_MS),
    work: {
      joinLimitMs: quick ? 10_000 : 30_000,
      churnPerSecond: 20,
      churnSeconds: quick ? 1 : 3,
      loadProcesses,
      idleMs: 500,
    },
  };
}

function lineOf({ outcome }: Result): string {
  switch (outcome.kind) {
    case "measured": {
      const { joinCpuSeconds, joinSeconds, bytesPerClient, entries, news } = outcome.figures;
      const parts = [
        `${figure(joinCpuSeconds)} s CPU (${figure((joinCpuSeconds / entries) * 1e6)} µs an entry)`,
        `all know all after ${figure(joinSeconds)} s`,
        `${figure(bytesPerClient / 1_000)} kB a client`,
      ];
      if (news) {
        parts.push(`news in ${figure(news.propagationP50Ms)} ms (99 %: ${figure(news.propagationP99Ms)} ms)`);
      }
      return parts.join(", ");
    }
    case "too slow":
      return `${outcome.phase}: not within ${outcome.limitSeconds} s (${outcome.reached})`;
    case "wrong":
      return `WRONG: ${outcome.why}`;
    case "not run":
      return `not run: ${outcome.why}`;
  }
}

async function bench(args: readonly string[]): Promise<boolean> {
  const options = parseBenchOptions(args);
  const line = new ProgressLine(process.stderr);
  let current = "";
  const results = await runMatrix(options.entrants, planOf(options), {
    begin: ({ rival }, members) => {
      current = `${members.toLocaleString("en").padStart(5)}  ${rival.title.padEnd(24)}`;
      line.show(current);
    },
    progress: (phase, text) => line.show(`${current}${phase}: ${text}`),
    end: (_, result) => line.keep(`${current}${lineOf(result)}`),
  });
  const summary = new Summary(options.entrants, results);
  const tables = [...MEASURES, ...MORE_MEASURES].map((measure) => tableOf(summary, measure));
  const surroundings = { node: process.version, cores: availableParallelism(), platform: process.platform };
  const json = `${JSON.stringify({ ...surroundings, results }, undefined, 2)}\n`;
  if (options.json === "-") process.stdout.write(json);
  else process.stdout.write(`\n${tables.map(asText).join("\n")}\n${shortcomings(summary)}`);
  if (options.json !== undefined && options.json !== "-") await writeFile(options.json, json);
  if (options.out !== undefined) {
    await mkdir(options.out, { recursive: true });
    const parts = [
      "![The same figures, drawn](results.svg)\n",
      ...tables.map(asMarkdown),
      shortcomings(summary),
    ];
    await writeFile(join(options.out, "results.md"), parts.join("\n"));
    await writeFile(join(options.out, "results.svg"), plot(summary));
  }
  return results.every(({ outcome }) => outcome.kind !== "wrong");
}

const [verb] = process.argv.slice(2);
await runScript(
  verb === "connect"
    ? { command: "npm run bench", usage: CONNECT_USAGE, main: ([, ...args]) => benchConnect(args) }
    : { command: "npm run bench", usage: USAGE, main: bench },
);
