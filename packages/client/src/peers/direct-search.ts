import { LektError } from "@lekt/protocol";
import type { PeerStream } from "./peer-stream.ts";

/** Searches for a direct path in the life of one relayed stream. */
export const MAX_DIRECT_SEARCHES = 20;

/** When to search: how long after the search before, or after the relayed path was there. */
export interface DirectSearchPace {
  readonly firstDelayMs: number;
  readonly maxDelayMs: number;
}

/** Each wait is three times the one before. @param search 1 and up. */
export function directSearchDelayMs(search: number, { firstDelayMs, maxDelayMs }: DirectSearchPace): number {
  return Math.min(maxDelayMs, firstDelayMs * 3 ** (search - 1));
}

/** Looks for a direct path now and then, for as long as the relayed stream lives and somebody listens for `direct`. */
export function searchDirect(
  stream: PeerStream,
  pace: DirectSearchPace,
  closing: AbortSignal,
  search: (signal: AbortSignal) => Promise<PeerStream>,
): void {
  const over = new AbortController();
  const stop = () => over.abort(new LektError("LEKT_CLOSED", "The relayed stream is over."));
  const isWanted = () => !over.signal.aborted && stream.listenerCount("direct") > 0;
  let timer: NodeJS.Timeout | undefined;
  stream.once("close", stop);
  closing.addEventListener("abort", stop, { once: true });
  over.signal.addEventListener("abort", () => {
    clearTimeout(timer);
    closing.removeEventListener("abort", stop);
    stream.off("close", stop);
  });
  const schedule = (count: number) => {
    if (over.signal.aborted) return;
    if (count > MAX_DIRECT_SEARCHES) return stop();
    timer = setTimeout(() => void run(count), directSearchDelayMs(count, pace));
    timer.unref();
  };
  const run = async (count: number) => {
    if (!isWanted()) return schedule(count);
    // The reasons of a failure stand in the trace.
    const direct = await search(over.signal).catch(() => undefined);
    if (direct && isWanted()) return offer(direct);
    direct?.destroy();
    schedule(count + 1);
  };
  const offer = (direct: PeerStream) => {
    stop();
    try {
      stream.emit("direct", direct);
    } catch (error) {
      // A listener's own, and nobody's to catch.
      queueMicrotask(() => {
        throw error;
      });
    }
  };
  schedule(1);
}
