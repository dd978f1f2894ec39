import { readFileSync } from "node:fs";
import { monitorEventLoopDelay, PerformanceObserver } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";

/** What held up the event loop of this process. */
export interface Stalls {
  /** By `monitorEventLoopDelay`: between two turns of a timer that is due each millisecond. */
  readonly longestBlockMs: number;
  /** The same without what the process waited for a core, as others had them. */
  readonly longestWorkMs: number;
  /** The longest pause for a garbage collection. */
  readonly longestCollectionMs: number;
}

/** So long the loop is left alone before and after: a timer tells that it was late when it comes. */
const QUIET_MS = 20;

const delay = monitorEventLoopDelay({ resolution: 1 });
let longestWorkMs = 0;
let longestCollectionMs = 0;
let workTimer: NodeJS.Timeout | undefined;
const collections = new PerformanceObserver((list) => {
  for (const { duration } of list.getEntries()) longestCollectionMs = Math.max(longestCollectionMs, duration);
});

/** From now on, until `stalls` is asked. */
export async function watchStalls(): Promise<void> {
  collections.observe({ entryTypes: ["gc"] });
  delay.enable();
  let lastMs = workClockMs();
  workTimer = setInterval(() => {
    const nowMs = workClockMs();
    longestWorkMs = Math.max(longestWorkMs, nowMs - lastMs);
    lastMs = nowMs;
  }, 1);
  await sleep(QUIET_MS);
  delay.reset();
  longestWorkMs = longestCollectionMs = 0;
  // The first turn of the timer after that is what the next is measured from.
  await sleep(QUIET_MS);
}

export async function stalls(): Promise<Stalls> {
  await sleep(QUIET_MS);
  delay.disable();
  clearInterval(workTimer);
  collections.disconnect();
  return { longestBlockMs: delay.max / 1e6, longestWorkMs, longestCollectionMs };
}

/** A clock that stands while the main thread could run and has no core. */
function workClockMs(): number {
  const waitedNs = Number(readFileSync("/proc/self/schedstat", "latin1").split(" ")[1]);
  return performance.now() - waitedNs / 1e6;
}
