import { parseArgs } from "node:util";
import { BadOption, runScript, wholeNumber } from "../../tools/script.ts";
import { asMarkdown, figure } from "../report/tables.ts";
import { run } from "./contest.ts";
import { type LoadReport, ROWS, type Row } from "./rows.ts";

const USAGE = `npx tsx benchmarks/one-core/main.ts --bin FOLDER [options]

LEKT beside a minimal server in C, each on one core, with a load generator in C on another. FOLDER has the
programs lektload and lektlimit.

  --pairs N       pairs of runs, the median counts (default: 5)
  --only NAMES    these rows alone, with commas between: ${ROWS.map(({ name }) => name).join(", ")}
  --help          this text

Examples:
  npx tsx benchmarks/one-core/main.ts --bin ../bench
  npx tsx benchmarks/one-core/main.ts --bin ../bench --pairs 1 --only beat,idle

Exit codes: 0 all runs were right, 1 one was not, 2 wrong usage.`;

interface Result {
  readonly row: Row;
  readonly c: number;
  readonly lekt: number;
  readonly ratio: number;
}

async function main(args: readonly string[]): Promise<boolean> {
  const { values } = parseArgs({
    args: [...args],
    options: { bin: { type: "string" }, pairs: { type: "string", default: "5" }, only: { type: "string" } },
  });
  const { bin, only } = values;
  if (bin === undefined) throw new BadOption("--bin says where lektload and lektlimit are, and is missing");
  const count = wholeNumber("--pairs", values.pairs, 1);
  const rows = only === undefined ? ROWS : only.split(",").map(rowOf);
  let allRight = true;
  const results: Result[] = [];
  // Rows that need the same runs share them.
  for (const command of new Set(rows.map(({ args }) => args.join(" ")))) {
    const pairs: [LoadReport, LoadReport][] = [];
    for (let pair = 1; pair <= count; pair++) {
      process.stderr.write(`${command}: pair ${pair} of ${count}\n`);
      const words = command.split(" ");
      const c = await run("lektlimit", bin, words);
      pairs.push([c, await run("lekt", bin, words)]);
    }
    if (!pairs.every(([c, lekt]) => c.ok && lekt.ok)) {
      allRight = false;
      process.stderr.write(`${command}: something was wrong in a run\n`);
    }
    for (const row of rows.filter(({ args }) => args.join(" ") === command))
      results.push(resultOf(row, pairs));
  }
  process.stdout.write(asMarkdown(tableOf(results)));
  return allRight;
}

function rowOf(name: string): Row {
  const row = ROWS.find((known) => known.name === name);
  if (!row) throw new BadOption(`there is no row ${name}`);
  return row;
}

function resultOf(row: Row, pairs: readonly [LoadReport, LoadReport][]): Result {
  const c = median(pairs.map(([report]) => row.figure(report)));
  const lekt = median(pairs.map(([, report]) => row.figure(report)));
  const ratio = median(pairs.map(([of, by]) => row.figure(by) / row.figure(of)));
  return { row, c, lekt, ratio };
}

function tableOf(results: readonly Result[]): Parameters<typeof asMarkdown>[0] {
  return {
    title: "LEKT beside a C server, one core each",
    header: ["", "figure", "C", "LEKT", "ratio", "goal", "`lektload`"],
    rows: results.map(({ row, c, lekt, ratio }) => [
      row.title,
      row.unit,
      figure(c),
      figure(lekt),
      `${figure(ratio)}×`,
      `${goalText(row)}: ${isMet(row, lekt, ratio) ? "met" : "missed"}`,
      `\`${row.args.join(" ")}\``,
    ]),
  };
}

function goalText({ goal }: Row): string {
  if ("times" in goal) return `≤ ${goal.times} ×`;
  return "atMost" in goal ? `≤ ${figure(goal.atMost)}` : `≥ ${figure(goal.atLeast)}`;
}

function isMet({ goal }: Row, lekt: number, ratio: number): boolean {
  if ("times" in goal) return ratio <= goal.times;
  return "atMost" in goal ? lekt <= goal.atMost : lekt >= goal.atLeast;
}

function median(figures: readonly number[]): number {
  const sorted = [...figures].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

await runScript({ command: "npx tsx benchmarks/one-core/main.ts", usage: USAGE, main });
