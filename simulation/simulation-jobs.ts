import { fork } from "node:child_process";
import type { Outcome } from "./simulation.ts";
import type { SimulationOptions } from "./simulation-options.ts";

/** A job that tells of no seed for so long hangs: a seed takes seconds at the most. */
const HANG_MS = 120_000;
/** How a process knows that it is a job: the seeds that it is to run are those of its number and of every n-th one. */
const JOB_VARIABLE = "LEKT_SIMULATION_JOB";

/** The number of this job, from 0; undefined where this process is none. */
export function jobNumber(): number | undefined {
  const text = process.env[JOB_VARIABLE];
  return text === undefined ? undefined : Number(text);
}

/**
 * Runs `main` in so many processes, each with every n-th seed.
 * @returns whether all of them came to their end.
 */
export async function runJobs(
  main: URL,
  { first, last, jobs }: SimulationOptions,
  onOutcome: (outcome: Outcome) => void,
): Promise<boolean> {
  const args = ["--seeds", `${first}..${last}`, "--jobs", String(jobs)];
  const codes = await Promise.all(
    Array.from({ length: jobs }, (_, job) => runJob(main, args, job, onOutcome)),
  );
  return codes.every((code) => code === 0);
}

function runJob(
  main: URL,
  args: readonly string[],
  job: number,
  onOutcome: (outcome: Outcome) => void,
): Promise<number> {
  const child = fork(main, args, { env: { ...process.env, [JOB_VARIABLE]: String(job) } });
  return new Promise((resolve) => {
    let last = "none";
    const hangs = () => {
      process.stderr.write(
        `a job hangs: no word from it for ${HANG_MS / 1_000} s, the last seed it ended is ${last}\n`,
      );
      child.kill("SIGKILL");
    };
    let watch = setTimeout(hangs, HANG_MS);
    child.on("message", (outcome) => {
      last = String((outcome as Outcome).seed);
      clearTimeout(watch);
      watch = setTimeout(hangs, HANG_MS);
      onOutcome(outcome as Outcome);
    });
    child.on("exit", (code) => {
      clearTimeout(watch);
      resolve(code ?? 1);
    });
  });
}
