import { type ChildProcess, fork } from "node:child_process";
import type { FuzzOptions } from "./fuzz-options.ts";

/** A job that tells nothing for so long hangs: an execution takes milliseconds. */
const HANG_MS = 120_000;

/**
 * Runs `main` in so many processes, each with a seed of its own.
 * @returns whether none of them failed.
 */
export async function runJobs(main: URL, options: FuzzOptions): Promise<boolean> {
  const seeds = Array.from({ length: options.jobs }, (_, i) => options.seed + i);
  const codes = await Promise.all(seeds.map((seed) => runJob(main, options, seed)));
  return codes.every((code) => code === 0);
}

function runJob(main: URL, options: FuzzOptions, seed: number): Promise<number> {
  const args = ["--seed", String(seed), "--jobs", "1"];
  if (Number.isFinite(options.seconds)) args.push("--seconds", String(options.seconds));
  if (Number.isFinite(options.executions)) args.push("--executions", String(options.executions));
  if (options.target !== undefined) args.push("--target", options.target);
  if (options.json) args.push("--json");
  const child: ChildProcess = fork(main, args, { env: { ...process.env, LEKT_FUZZ_JOB: "1" } });
  return new Promise((resolve) => {
    const hangs = () => {
      process.stderr.write(
        `the job with seed ${seed} hangs: no word from it for ${HANG_MS / 1_000} s (${last})\n`,
      );
      child.kill("SIGKILL");
    };
    let last = "at its beginning";
    let watch = setTimeout(hangs, HANG_MS);
    child.on("message", (word) => {
      last = String(word);
      clearTimeout(watch);
      watch = setTimeout(hangs, HANG_MS);
    });
    child.on("exit", (code) => {
      clearTimeout(watch);
      resolve(code ?? 1);
    });
  });
}
