import { parseArgs } from "node:util";
import { BadOption, wholeNumber } from "../tools/script.ts";
import { ENTRANTS, type Entrant } from "./rivals/registry.ts";

export interface BenchOptions {
  readonly quick: boolean;
  readonly entrants: readonly Entrant[];
  readonly sizes: readonly number[];
  readonly repeats: number;
  readonly loadProcesses: number;
  /** Where the figures go as JSON; "-" is the standard output. */
  readonly json: string | undefined;
  /** Where results.md and results.svg go. */
  readonly out: string | undefined;
}

const SIZES = [250, 500, 1_000, 2_000, 4_000];
const QUICK_SIZES = [250];

export const USAGE = `npm run bench -- [options]
npm run bench -- connect [options]    streams between peers; see npm run bench -- connect --help

The same work for LEKT and for what people would use instead: N clients come, each publishes forty bytes,
everybody learns of everybody; a tenth leave; then some come and go. Ten minutes at most.

  --quick           ${QUICK_SIZES.join(", ")} clients alone: less than a minute
  --only NAMES      these alone, with commas between: ${ENTRANTS.map(({ rival }) => rival.name).join(", ")}
  --sizes NUMBERS   how many clients, with commas between (default: ${SIZES.join(",")})
  --repeats N       run each N times and take the middle (default: 1)
  --load N          processes that play the clients (default: 1)
  --json FILE       write all figures to this file; - for the standard output
  --out DIR         write tables (results.md) and plots (results.svg) into this directory
  --help            this text

Examples:
  npm run bench -- --quick
  npm run bench -- --only lekt,ws-binary --sizes 1000,2000 --repeats 3
  npm run --silent bench -- --quick --json - | head -20
  npm run bench -- --out benchmarks/results

Exit codes: 0 all ran, or were too slow, which the tables say; 1 somebody learned something wrong; 2 wrong usage.`;

/** @throws BadOption, or what parseArgs throws, where the command line cannot be understood. */
export function parseBenchOptions(args: readonly string[]): BenchOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: "boolean", default: false },
      only: { type: "string" },
      sizes: { type: "string" },
      repeats: { type: "string", default: "1" },
      load: { type: "string", default: "1" },
      json: { type: "string" },
      out: { type: "string" },
    },
  });
  const { quick, only, sizes, repeats, load, json, out } = values;
  return {
    quick,
    entrants: only === undefined ? ENTRANTS : only.split(",").map(entrantOf),
    sizes: sizes?.split(",").map((text) => wholeNumber("--sizes", text, 2)) ?? (quick ? QUICK_SIZES : SIZES),
    repeats: wholeNumber("--repeats", repeats, 1),
    loadProcesses: wholeNumber("--load", load, 1),
    json,
    out,
  };
}

function entrantOf(name: string): Entrant {
  const entrant = ENTRANTS.find(({ rival }) => rival.name === name);
  if (!entrant) throw new BadOption(`there is no rival ${name}; --help names them`);
  return entrant;
}
