import { once } from "node:events";
import type { Socket } from "node:net";
import { addAbortSignal } from "node:stream";

const PROBE = Buffer.from("lekt");

/** Connects to the relay, with the circuit's token; `signal` ends it. */
type ConnectEnd = (signal: AbortSignal) => Promise<Socket>;

/**
 * Meets itself at a relay: what goes from one end to the other goes to the relay and back.
 * @throws LektError, or what `signal` fires with
 */
export async function circuitRoundTripMs(connect: ConnectEnd, signal: AbortSignal): Promise<number> {
  const done = new AbortController();
  const cancellation = AbortSignal.any([signal, done.signal]);
  const ends = [1, 2].map(() => openEnd(connect, cancellation));
  try {
    const [near, far] = (await Promise.all(ends)) as [Socket, Socket];
    const startMs = performance.now();
    near.write(PROBE);
    await once(far.resume(), "data", { signal });
    return performance.now() - startMs;
  } finally {
    done.abort();
  }
}

/** Closed where `signal` fires, now or later. */
async function openEnd(connect: ConnectEnd, signal: AbortSignal): Promise<Socket> {
  const socket = await connect(signal);
  socket.on("error", () => {});
  addAbortSignal(signal, socket);
  return socket;
}
