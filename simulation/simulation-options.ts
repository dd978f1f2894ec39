import { parseArgs } from "node:util";
import { BadOption, wholeNumber } from "../tools/script.ts";

export interface SimulationOptions {
  readonly first: number;
  readonly last: number;
  readonly jobs: number;
  readonly json: boolean;
  /** Tells what happens, for a person who follows one seed. */
  readonly trace: boolean;
  /** Runs the kept seeds instead. */
  readonly kept: boolean;
}

export const USAGE = `npm run simulate -- [--seeds A..B] [--jobs N] [--json]
npm run simulate -- --seeds A --trace
npm run simulate -- --kept

  --seeds A..B   run these seeds, or the single one A (default 1..100)
  --jobs N       in so many processes (default 1)
  --json         lines of JSON instead of text
  --trace        tell what happens, with virtual milliseconds in front
  --kept         run the seeds of simulation/kept-seeds.json

Examples:
  npm run simulate -- --seeds 1..1000 --jobs 2
  npm run simulate -- --seeds 1109 --trace

Exit codes: 0 everything holds; 1 something does not, and the seed is printed; 2 wrong usage.`;

const DEFAULT_SEEDS = "1..100";

/** @throws BadOption, or what parseArgs throws, where the command line cannot be understood. */
export function parseSimulationOptions(args: readonly string[]): SimulationOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seeds: { type: "string", default: DEFAULT_SEEDS },
      jobs: { type: "string", default: "1" },
      json: { type: "boolean", default: false },
      trace: { type: "boolean", default: false },
      kept: { type: "boolean", default: false },
    },
  });
  const [, from, to = from] = /^([0-9]{1,15})(?:\.\.([0-9]{1,15}))?$/.exec(values.seeds) ?? [];
  const first = Number(from);
  const last = Number(to);
  if (!(first <= last)) {
    throw new BadOption(
      `--seeds ${values.seeds} cannot be understood: it is A..B, such as 1..100, or one seed`,
    );
  }
  const jobs = wholeNumber("--jobs", values.jobs, 1);
  const { json, trace, kept } = values;
  return { first, last, jobs, json, trace, kept };
}
