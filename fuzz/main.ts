/** Fuzzes the protocol: see fuzz/README.md. Coverage has to start before what is fuzzed is loaded. */
import { BadOption, runScript } from "../tools/script.ts";
import { BlockCoverage } from "./engine/block-coverage.ts";
import { runJobs } from "./engine/fuzz-jobs.ts";
import { type FuzzOptions, parseFuzzOptions, USAGE } from "./engine/fuzz-options.ts";

async function fuzz(options: FuzzOptions): Promise<boolean> {
  // Most executions end in an error that is meant to be; nobody reads where it came from.
  Error.stackTraceLimit = 0;
  const coverage = new BlockCoverage();
  coverage.start();
  const { TARGETS } = await import("./targets/registry.ts");
  const { runCampaign } = await import("./engine/campaign.ts");
  const { keepCrash } = await import("./engine/crash-file.ts");
  const { FuzzReport } = await import("./engine/fuzz-report.ts");
  const { target, seed } = options;
  const targets = TARGETS.filter(({ name }) => target === undefined || name === target);
  if (targets.length === 0) throw new BadOption(`there is no target ${target}; --list names them`);
  const { stdout } = process;
  const output = { write: (text: string) => void stdout.write(text), isTerminal: stdout.isTTY };
  const report = new FuzzReport(output, options.json);
  report.begin(
    seed,
    options.jobs,
    targets.map(({ name }) => name),
  );
  const kept: Promise<void>[] = [];
  const statistics = await runCampaign({
    targets,
    seed,
    coverage,
    durationMs: options.seconds * 1_000,
    maxExecutions: options.executions,
    onFinding: (finding) => {
      kept.push(keepCrash({ ...finding, seed }).then((file) => report.finding(finding, seed, file)));
    },
    onTurn: async (soFar) => {
      report.progress(soFar);
      process.send?.(soFar.map((one) => `${one.target} ${one.executions}`).join(", "));
      await Promise.all(kept);
      // Events of the process are seen between two turns: that the parent has ended, that nobody reads any more.
      await new Promise(setImmediate);
    },
  });
  await Promise.all(kept);
  report.end(statistics);
  return kept.length === 0;
}

async function replay(file: string): Promise<boolean> {
  const { readCrash } = await import("./engine/crash-file.ts");
  const { TARGETS } = await import("./targets/registry.ts");
  const crash = await readCrash(file).catch((error: unknown) => {
    throw new BadOption(`${file} cannot be replayed: ${error instanceof Error ? error.message : error}`);
  });
  const target = TARGETS.find(({ name }) => name === crash.target);
  if (!target) throw new BadOption(`${file} cannot be replayed: there is no target ${crash.target}`);
  target.run(crash.input, () => {});
  process.stdout.write(`${file}: ${target.name} holds\n`);
  return true;
}

async function main(args: readonly string[]): Promise<boolean> {
  const options = parseFuzzOptions(args);
  if (options.replay !== undefined) return replay(options.replay);
  if (options.list) {
    const { TARGETS } = await import("./targets/registry.ts");
    for (const { name, oracle } of TARGETS) process.stdout.write(`${name}: ${oracle}\n`);
    return true;
  }
  if (process.env["LEKT_FUZZ_JOB"] !== undefined) return fuzz(options);
  return runJobs(new URL(import.meta.url), options);
}

await runScript({ command: "npm run fuzz", usage: USAGE, main });
