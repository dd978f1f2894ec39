/** Simulates server and clients under a virtual clock: see simulation/README.md. */
import { runScript } from "../tools/script.ts";
import { keptSeeds } from "./kept-seeds.ts";
import { type Outcome, simulate } from "./simulation.ts";
import { jobNumber, runJobs } from "./simulation-jobs.ts";
import { parseSimulationOptions, type SimulationOptions, USAGE } from "./simulation-options.ts";
import { SimulationReport } from "./simulation-report.ts";

const { stdout } = process;
const output = { write: (text: string) => void stdout.write(text), isTerminal: stdout.isTTY };

function* seedsOf({ first, last }: SimulationOptions, every = 1, from = 0): Generator<number> {
  for (let seed = first + from; seed <= last; seed += every) yield seed;
}

async function runSeeds(
  seeds: Iterable<number>,
  trace: boolean,
  onOutcome: (outcome: Outcome) => void,
): Promise<void> {
  const options = trace ? { trace: (line: string) => output.write(`${line}\n`) } : {};
  for (const seed of seeds) {
    onOutcome(await simulate(seed, options));
    // Events of the process are seen between two seeds: that the parent has ended, that nobody reads any more.
    await new Promise(setImmediate);
  }
}

async function main(args: readonly string[]): Promise<boolean> {
  const options = parseSimulationOptions(args);
  // Clients meet many errors that are meant to be; nobody reads where they came from.
  Error.stackTraceLimit = 0;
  const job = jobNumber();
  if (job !== undefined) {
    await runSeeds(seedsOf(options, options.jobs, job), false, (outcome) => void process.send?.(outcome));
    return true;
  }
  const { first, last, jobs, json, trace } = options;
  const kept = options.kept ? (await keptSeeds()).map(({ seed }) => seed) : undefined;
  const report = new SimulationReport(output, json, kept?.length ?? last - first + 1);
  const onOutcome = (outcome: Outcome) => report.outcome(outcome);
  let ended = true;
  if (jobs > 1 && !kept && !trace) ended = await runJobs(new URL(import.meta.url), options, onOutcome);
  else await runSeeds(kept ?? seedsOf(options), trace, onOutcome);
  report.end(ended);
  return ended && report.failed.length === 0;
}

await runScript({ command: "npm run simulate", usage: USAGE, main });
