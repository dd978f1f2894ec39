import { parseArgs } from "node:util";
import { numberAboveZero, wholeNumber } from "../../tools/script.ts";

export interface FuzzOptions {
  readonly seconds: number;
  readonly executions: number;
  /** undefined: all of them. */
  readonly target: string | undefined;
  readonly seed: number;
  readonly jobs: number;
  readonly json: boolean;
  /** Runs the input of this file instead. */
  readonly replay: string | undefined;
  readonly list: boolean;
}

export const USAGE = `npm run fuzz -- [--seconds N] [--target NAME] [--seed S] [--jobs N] [--executions N] [--json]
npm run fuzz -- --replay FILE
npm run fuzz -- --list

  --seconds N      end after so long (default 60)
  --target NAME    this target alone
  --seed S         the same seed and number of executions give the same search (default: by the clock, printed)
  --jobs N         so many processes, with the seeds S, S + 1 … (default 1)
  --executions N   end when each target ran so often
  --json           lines of JSON instead of text
  --replay FILE    run the input of a file of fuzz/crashes/ once
  --list           name the targets, and what must hold of each

Examples:
  npm run fuzz -- --seconds 60
  npm run fuzz -- --target server-session --seed 7 --executions 5000
  npm run fuzz -- --replay fuzz/crashes/FILE.json

Exit codes: 0 nothing was found; 1 something was, or the input of --replay still fails; 2 wrong usage.`;

/** @throws BadOption, or what parseArgs throws, where the command line cannot be understood. */
export function parseFuzzOptions(args: readonly string[]): FuzzOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seconds: { type: "string" },
      executions: { type: "string" },
      target: { type: "string" },
      seed: { type: "string" },
      jobs: { type: "string", default: "1" },
      json: { type: "boolean", default: false },
      replay: { type: "string" },
      list: { type: "boolean", default: false },
    },
  });
  const { seconds, executions, seed, jobs } = values;
  return {
    seconds:
      seconds !== undefined
        ? numberAboveZero("--seconds", seconds)
        : executions === undefined
          ? 60
          : Number.POSITIVE_INFINITY,
    executions:
      executions === undefined ? Number.POSITIVE_INFINITY : wholeNumber("--executions", executions, 1),
    target: values.target,
    seed: seed === undefined ? Date.now() % 2 ** 32 : wholeNumber("--seed", seed, 0),
    jobs: wholeNumber("--jobs", jobs, 1),
    json: values.json,
    replay: values.replay,
    list: values.list,
  };
}
