/** How fast each method is over the loopback, beside raw TCP and raw TLS. */
import { cpuSeconds, sumOf } from "../harness/process-cost.ts";
import { Worker } from "../harness/tasks.ts";
import type { EndTask, Reach } from "./end-process.ts";
import type { ServerTask } from "./server-process.ts";

export const STREAMS = ["raw TCP", "raw TLS", "tcp", "udp", "relay"] as const;
type StreamName = (typeof STREAMS)[number];

export interface Throughput {
  readonly stream: StreamName;
  readonly megabytesPerSecond: number;
  /** Of all processes together, the relay's included. */
  readonly cpuSecondsPerGigabyte: number;
}

export interface ThroughputPlan {
  readonly megabytes: number;
  readonly repeats: number;
  readonly progress: (text: string) => void;
}

const HOST = "127.0.0.1";
const MEGABYTE = 1_000_000;
/** Hashed at both ends before anything is timed; that also warms the code up. */
const MAX_CHECKED_MEGABYTES = 16;

/** @throws Error where other bytes come than were sent. */
export async function measureThroughput(plan: ThroughputPlan): Promise<readonly Throughput[]> {
  const workers = await Promise.all([
    Worker.start<ServerTask>("../connect/server-process.ts"),
    Worker.start<EndTask>("../connect/end-process.ts"),
    Worker.start<EndTask>("../connect/end-process.ts"),
  ]);
  const [server, near, far] = workers;
  try {
    const url = `lekt://${HOST}:${await server.do<number>({ do: "listen", host: HOST })}/bench`;
    await near.do({ do: "join", url, name: "near" });
    await far.do({ do: "join", url, name: "far" });
    const reaches = new Map<StreamName, Reach>();
    for (const stream of STREAMS) reaches.set(stream, await reachOf(stream, far, url));
    for (const [stream, reach] of reaches) {
      plan.progress(`${stream}: do the right bytes come?`);
      const bytes = Math.min(plan.megabytes, MAX_CHECKED_MEGABYTES) * MEGABYTE;
      await near.do({ do: "check", reach, bytes });
    }
    const pids = workers.map(({ pid }) => pid);
    const results: Throughput[] = [];
    for (let turn = 1; turn <= plan.repeats; turn++) {
      for (const [stream, reach] of reaches) {
        plan.progress(`${stream}: ${plan.megabytes} MB, ${turn} of ${plan.repeats}`);
        const cpuBefore = await sumOf(pids, cpuSeconds);
        const seconds = await near.do<number>({ do: "time", reach, bytes: plan.megabytes * MEGABYTE });
        const cpu = (await sumOf(pids, cpuSeconds)) - cpuBefore;
        results.push({
          stream,
          megabytesPerSecond: plan.megabytes / seconds,
          cpuSecondsPerGigabyte: cpu / (plan.megabytes / 1_000),
        });
      }
    }
    return results;
  } finally {
    await Promise.all(workers.map((worker) => worker.kill()));
  }
}

async function reachOf(stream: StreamName, far: Worker<EndTask>, url: string): Promise<Reach> {
  if (stream !== "raw TCP" && stream !== "raw TLS")
    return { kind: "lekt", url, peer: "far", methods: [stream] };
  const port = await far.do<number>({ do: "listen", kind: stream, host: HOST });
  return { kind: stream, address: { host: HOST, port } };
}
