import { parseArgs } from "node:util";

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
  --list           name the targets`;

/** @throws TypeError where the command line cannot be understood. */
export function parseFuzzOptions(args: readonly string[]): FuzzOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seconds: { type: "string" },
      executions: { type: "string" },
      target: { type: "string" },
      seed: { type: "string" },
      jobs: { type: "string" },
      json: { type: "boolean", default: false },
      replay: { type: "string" },
      list: { type: "boolean", default: false },
    },
  });
  const seconds = numberOf("--seconds", values.seconds);
  const executions = numberOf("--executions", values.executions);
  return {
    seconds: seconds ?? (executions === undefined ? 60 : Number.POSITIVE_INFINITY),
    executions: executions ?? Number.POSITIVE_INFINITY,
    target: values.target,
    seed: numberOf("--seed", values.seed) ?? Date.now() % 2 ** 32,
    jobs: numberOf("--jobs", values.jobs) ?? 1,
    json: values.json,
    replay: values.replay,
    list: values.list,
  };
}

function numberOf(flag: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (text === "" || !Number.isFinite(value) || value < 0)
    throw new TypeError(`${flag} ${text} is no number`);
  return value;
}
