import { parseArgs } from "node:util";

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
  --kept         run the seeds of simulation/kept-seeds.json`;

const DEFAULT_SEEDS = "1..100";

/** @throws TypeError where the command line cannot be understood. */
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
  const [, from = "", to = from] = /^([0-9]+)(?:\.\.([0-9]+))?$/.exec(values.seeds) ?? [];
  const first = wholeNumber(from);
  const last = wholeNumber(to);
  const jobs = wholeNumber(values.jobs);
  if (first === undefined || last === undefined || jobs === undefined || last < first || jobs < 1) {
    throw new BadOption(`--seeds ${values.seeds} --jobs ${values.jobs} cannot be understood`);
  }
  const { json, trace, kept } = values;
  return { first, last, jobs, json, trace, kept };
}

/** The command line is at fault. */
export class BadOption extends TypeError {}

function wholeNumber(text: string): number | undefined {
  return /^[0-9]{1,15}$/.test(text) ? Number(text) : undefined;
}
