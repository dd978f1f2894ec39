import { parseArgs } from "node:util";
import { asMarkdown, figure } from "../report/tables.ts";
import { run } from "./contest.ts";
import { type LoadReport, ROWS, type Row } from "./rows.ts";

const USAGE = `npx tsx benchmarks/one-core/main.ts --bin FOLDER [options]

LEKT beside a minimal server in C, each on one core, with a load generator in C on another. FOLDER has the
programs lektload and lektlimit.

  --pairs N       pairs of runs, the median counts (default: 5)
  --only NAMES    these rows alone: ${ROWS.map(({ name }) => name).join(", ")}
  --help          this text`;

interface Result {
  readonly row: Row;
  readonly c: number;
  readonly lekt: number;
  readonly ratio: number;
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      bin: { type: "string" },
      pairs: { type: "string", default: "5" },
      only: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help || values.bin === undefined) {
    process.stdout.write(`${USAGE}\n`);
    return values.help ? 0 : 2;
  }
  const only = values.only?.split(",");
  const rows = ROWS.filter(({ name }) => only?.includes(name) ?? true);
  const results: Result[] = [];
  // Rows that need the same runs share them.
  for (const command of new Set(rows.map(({ args }) => args.join(" ")))) {
    const pairs: [LoadReport, LoadReport][] = [];
    for (let pair = 1; pair <= Number(values.pairs); pair++) {
      process.stderr.write(`${command}: pair ${pair} of ${values.pairs}\n`);
      const args = command.split(" ");
      const c = await run("lektlimit", values.bin, args);
      pairs.push([c, await run("lekt", values.bin, args)]);
    }
    const isRight = pairs.every(([c, lekt]) => c.ok && lekt.ok);
    if (!isRight) process.stderr.write(`${command}: something was wrong in a run\n`);
    for (const row of rows.filter(({ args }) => args.join(" ") === command))
      results.push(resultOf(row, pairs));
  }
  process.stdout.write(asMarkdown(tableOf(results)));
  return 0;
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

process.exitCode = await main();
