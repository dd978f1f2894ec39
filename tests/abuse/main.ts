/**
 * Measures how well-behaved clients fare beside each kind of bad one: `npm run abuse -- --help`. The tests run the
 * same, smaller and shorter.
 */
import { writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { BadOption, numberAboveZero, runScript } from "../../tools/script.ts";
import { AbuseRun, type Row } from "./abuse-run.ts";
import { ATTACKS } from "./attacks/attacks.ts";
import type { Scale } from "./ground.ts";
import { notesOf, tableOf } from "./report.ts";

const USAGE = `npm run abuse -- [--seconds N] [--part N] [--only TEXT] [--json FILE]
npm run abuse -- --list

  --seconds N   quiet runs and floods last so long (default 10); from 45 on, stalled readers are waited for
  --part N      an Nth of the connections (default 1: ten thousand in a burst)
  --only TEXT   attacks with this in their name
  --json FILE   write all figures to the file
  --list        name the attacks

Examples:
  npm run abuse -- --part 10
  npm run abuse -- --only burst --json figures.json

Exit codes: 0 everything held; 1 something did not; 2 wrong usage.`;

async function measure(only: string, scale: Scale): Promise<Row[]> {
  const rows: Row[] = [];
  const attacks = ATTACKS.filter(({ name }) => name.includes(only));
  if (attacks.length === 0) throw new BadOption(`no attack has ${only} in its name; --list names them`);
  for (const [i, attack] of attacks.entries()) {
    process.stderr.write(`${attack.name} …\n`);
    // A server of its own for each, so that none starts with what another left behind.
    const run = await AbuseRun.start(attack.options);
    try {
      if (i === 0) rows.push(await run.quiet(scale.seconds));
      const row = await run.attack(attack, scale);
      rows.push(row);
      process.stdout.write(notesOf(row));
    } finally {
      await run.stop();
    }
  }
  return rows;
}

async function main(args: readonly string[]): Promise<boolean> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seconds: { type: "string", default: "10" },
      part: { type: "string", default: "1" },
      only: { type: "string", default: "" },
      json: { type: "string" },
      list: { type: "boolean", default: false },
    },
  });
  if (values.list) {
    process.stdout.write(ATTACKS.map(({ name }) => `${name}\n`).join(""));
    return true;
  }
  const scale = {
    seconds: numberAboveZero("--seconds", values.seconds),
    part: numberAboveZero("--part", values.part),
  };
  const rows = await measure(values.only, scale);
  process.stdout.write(`\n${tableOf(rows)}`);
  if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(rows, null, 2)}\n`);
  return rows.every(({ faults }) => faults.length === 0);
}

await runScript({ command: "npm run abuse", usage: USAGE, main });
