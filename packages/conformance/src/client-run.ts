import { LektError, METHOD } from "@lekt/protocol";
import { type CheckResult, Failed, resultOf, Skipped } from "./check.ts";
import { mustGoOn, playAll } from "./check-run.ts";
import { ClientBench, type ClientBenchSettings, type ClientCheck, type ClientFacts } from "./client-bench.ts";
import { CLIENT_CHECKS } from "./client-checks/registry.ts";
import type { ClientProgram } from "./client-program.ts";

/** So many programs at once. */
const AT_ONCE = 4;

export interface ClientRunOptions {
  readonly isWanted?: (check: ClientCheck) => boolean;
  /** Also those that wait for intervals of 10 s. Default false. */
  readonly slow?: boolean;
  /** What the program prints is read as the JSON lines of `lekt join`. Default false. */
  readonly readsEvents?: boolean;
  /** How long an answer is waited for. Default 3,000. */
  readonly patienceMs?: number;
  /** How long the program may take until it connects. Default 10,000. */
  readonly startMs?: number;
  readonly signal?: AbortSignal;
  readonly onResult?: (result: CheckResult) => void;
}

/**
 * Starts the program once for each check, plays a server, and judges what comes.
 * @throws LektError `LEKT_INPUT` where the program does not even connect; `LEKT_ABORTED`.
 */
export async function checkClient(
  program: ClientProgram,
  options: ClientRunOptions = {},
): Promise<CheckResult[]> {
  const { patienceMs = 3_000, startMs = 10_000, isWanted = () => true, onResult, signal } = options;
  const settings = { program, patienceMs, startMs };
  const open = new Set<ClientBench>();
  signal?.addEventListener("abort", () => {
    for (const bench of open) void bench.close();
  });
  mustGoOn(signal);
  const facts = await factsOf(settings, open).catch((error: unknown) => {
    mustGoOn(signal);
    throw error;
  });
  const wanted = CLIENT_CHECKS.filter(isWanted);
  const isSlow = (check: ClientCheck) =>
    check.slowWithoutInterval === true && !facts.methods.has(METHOD.server);
  const play = (check: ClientCheck) =>
    runOne(check, settings, facts, reasonToSkip(check, isSlow(check), options), open);
  return await playAll(wanted, { atOnce: AT_ONCE, isSlow, play, signal, onResult });
}

function reasonToSkip(check: ClientCheck, isSlow: boolean, options: ClientRunOptions): string | undefined {
  if (isSlow && !options.slow)
    return "the client does not set method 23 (server), and intervals of 10 s are slow";
  if (check.judgesEvents && !options.readsEvents) return "what the program prints is not read";
  return undefined;
}

async function runOne(
  check: ClientCheck,
  settings: ClientBenchSettings,
  facts: ClientFacts,
  reason: string | undefined,
  open: Set<ClientBench>,
): Promise<CheckResult> {
  const bench = await ClientBench.open(settings, facts);
  open.add(bench);
  try {
    return await resultOf(
      check,
      async () => {
        if (reason !== undefined) throw new Skipped(reason);
        bench.needs(...(check.needs ?? []));
        await check.run(bench);
      },
      () => bench.evidence,
    );
  } finally {
    open.delete(bench);
    await bench.close();
  }
}

/** Which methods the client sets. */
async function factsOf(settings: ClientBenchSettings, open: Set<ClientBench>): Promise<ClientFacts> {
  const bench = await ClientBench.open(settings, { methods: new Set() });
  open.add(bench);
  try {
    const visit = await bench.visited().catch((error: unknown) => {
      if (!(error instanceof Failed)) throw error;
      throw new LektError("LEKT_INPUT", `The command does not connect: ${error.got}.`);
    });
    const handshake = await visit.greeted().catch(() => undefined);
    return { methods: new Set(handshake?.methods) };
  } finally {
    open.delete(bench);
    await bench.close();
  }
}
