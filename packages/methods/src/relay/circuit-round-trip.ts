import { once } from "node:events";
import type { Socket } from "node:net";
import { addAbortSignal } from "node:stream";
import { connectCircuit } from "./circuit-connection.ts";
import type { RelayAddress } from "./relay-address.ts";

const PROBE = Buffer.from("lekt");

/**
 * Meets itself at a relay: what goes from one end to the other goes to the relay and back.
 * @throws LektError, or what `signal` fires with
 */
export async function circuitRoundTripMs(
  relay: RelayAddress,
  token: Uint8Array,
  signal: AbortSignal,
): Promise<number> {
  const done = new AbortController();
  const cancellation = AbortSignal.any([signal, done.signal]);
  const ends = [1, 2].map(() => openEnd(relay, token, cancellation));
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
async function openEnd(relay: RelayAddress, token: Uint8Array, signal: AbortSignal): Promise<Socket> {
  const socket = await connectCircuit(relay, token, signal);
  socket.on("error", () => {});
  addAbortSignal(signal, socket);
  return socket;
}
