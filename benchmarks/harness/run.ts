import { setTimeout as sleep } from "node:timers/promises";
import { clockUs } from "./forty-bytes.ts";
import { Load, TooSlow, WrongRun } from "./load.ts";
import { loadRival } from "./load-rival.ts";
import { cpuSeconds, residentBytes, sumOf } from "./process-cost.ts";
import { ServerProcess } from "./server-process.ts";
import { quantile } from "./statistics.ts";

/** How much is done in a run, and how long it may take. */
export interface Work {
  readonly members: number;
  /** For everybody to know everybody. */
  readonly joinLimitMs: number;
  readonly churnPerSecond: number;
  readonly churnSeconds: number;
  readonly loadProcesses: number;
  /** Before memory is read. */
  readonly idleMs: number;
}

export interface Figures {
  /** Entries that members learned while all came: N · (N − 1) where everybody learns of everybody. */
  readonly entries: number;
  readonly joinCpuSeconds: number;
  /** From the first connection until everybody knows everybody. */
  readonly joinSeconds: number;
  /** Of the server's resident memory, what came with the clients. */
  readonly bytesPerClient: number;
  /** Not where members cannot know who is there in all. */
  readonly news: NewsFigures | undefined;
}

interface NewsFigures {
  readonly leaveCpuSeconds: number;
  readonly leaveSeconds: number;
  readonly churnCpuSeconds: number;
  /** From the moment at which a newcomer publishes until another member knows. */
  readonly propagationP50Ms: number;
  readonly propagationP99Ms: number;
}

export type Outcome =
  | { readonly kind: "measured"; readonly figures: Figures }
  /** `reached`: how far it came. */
  | {
      readonly kind: "too slow";
      readonly phase: string;
      readonly limitSeconds: number;
      readonly reached: string;
    }
  | { readonly kind: "wrong"; readonly why: string };

/** Told while it runs. */
export type Progress = (phase: string, text: string) => void;

const PROGRESS_MS = 250;
const LEAVING_SHARE = 0.1;

/** One run: a fresh server of the rival in the module `rival`, N members that come, some leave, then churn. */
export async function run(rival: string, work: Work, progress: Progress): Promise<Outcome> {
  let server: ServerProcess | undefined;
  // The processes start side by side.
  const load = new Load(work.loadProcesses);
  let phase = "start";
  let lastState = "";
  let lastChangeMs = performance.now();
  const timer = setInterval(() => {
    const state = JSON.stringify([phase, load.state]);
    if (state !== lastState) lastChangeMs = performance.now();
    lastState = state;
    const { joined, complete, learned } = load.state;
    progress(phase, `${joined} joined, ${complete} know all, ${millions(learned)} entries`);
  }, PROGRESS_MS);
  try {
    server = await ServerProcess.start(rival);
    await load.start(rival, server.address);
    const { knowsAtMost = Number.POSITIVE_INFINITY, peersWork } = await loadRival(rival);
    const pids = peersWork ? [server.pid, ...load.pids] : [server.pid];
    const figures = await measure(pids, load, work, knowsAtMost + 1 < work.members, (name) => {
      phase = name;
    });
    return { kind: "measured", figures };
  } catch (error) {
    if (error instanceof TooSlow) {
      const reached = await load.shortfall();
      // Who is only slow still moves.
      if (performance.now() - lastChangeMs > work.joinLimitMs / 2) {
        return { kind: "wrong", why: `${phase}: nothing more came, and ${reached}` };
      }
      return { kind: "too slow", phase, limitSeconds: work.joinLimitMs / 1_000, reached };
    }
    const why = error instanceof Error ? error.message : String(error);
    return { kind: "wrong", why: error instanceof WrongRun ? `${phase}: ${why}` : why };
  } finally {
    clearInterval(timer);
    await load.stop();
    await server?.stop();
  }
}

async function measure(
  pids: readonly number[],
  load: Load,
  work: Work,
  joinOnly: boolean,
  enter: (phase: string) => void,
): Promise<Figures> {
  const { members, joinLimitMs: limitMs } = work;
  const meter = async (limitOfPhaseMs: number, doIt: (leftMs: () => number) => Promise<void>) => {
    const cpu = await sumOf(pids, cpuSeconds);
    const startMs = performance.now();
    const startUs = clockUs();
    const leftMs = () => Math.max(1, startMs + limitOfPhaseMs - performance.now());
    await doIt(leftMs);
    const answers = await load.do({ do: "converge" }, leftMs());
    return {
      cpuSeconds: (await sumOf(pids, cpuSeconds)) - cpu,
      seconds: (Math.max(...answers.map(({ atUs = 0 }) => atUs)) - startUs) / 1e6,
      entries: answers.reduce((sum, { learned = 0 }) => sum + learned, 0),
    };
  };

  await sleep(work.idleMs);
  const bytesBefore = await sumOf(pids, residentBytes);
  enter("join");
  const join = await meter(limitMs, async (leftMs) => {
    await load.do({ do: "join", first: 0, count: members }, leftMs());
  });
  await sleep(work.idleMs);
  const bytesAfter = await sumOf(pids, residentBytes);
  const joinFigures = {
    entries: join.entries,
    joinCpuSeconds: join.cpuSeconds,
    joinSeconds: join.seconds,
    bytesPerClient: (bytesAfter - bytesBefore) / members,
  };
  if (joinOnly) return { ...joinFigures, news: undefined };

  enter("leave");
  const leaving = Math.max(1, Math.floor(members * LEAVING_SHARE));
  const leave = await meter(limitMs, async (leftMs) => {
    await load.do({ do: "leave", numbers: range(0, leaving) }, leftMs());
  });

  enter("churn");
  const newcomers = Math.min(work.churnPerSecond * work.churnSeconds, members - leaving);
  let latenciesUs: number[] = [];
  const churn = await meter(limitMs + work.churnSeconds * 1_000, async (leftMs) => {
    const leavers = range(leaving, newcomers);
    const request = {
      do: "churn",
      churn: { first: members, leavers, perSecond: work.churnPerSecond },
    } as const;
    const answers = await load.do(request, leftMs());
    latenciesUs = answers.flatMap((answer) => answer.latenciesUs ?? []).sort((a, b) => a - b);
  });

  return {
    ...joinFigures,
    news: {
      leaveCpuSeconds: leave.cpuSeconds,
      leaveSeconds: leave.seconds,
      churnCpuSeconds: churn.cpuSeconds,
      propagationP50Ms: quantile(latenciesUs, 0.5) / 1_000,
      propagationP99Ms: quantile(latenciesUs, 0.99) / 1_000,
    },
  };
}

function range(first: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => first + i);
}

function millions(entries: number): string {
  return entries < 1e6 ? `${entries}` : `${(entries / 1e6).toFixed(1)} million`;
}
