import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { Endpoint } from "@lekt/protocol";
import { aborted } from "../network/cancellation.ts";
import { isSelfConnected } from "./connection-race.ts";

/** Both sides begin at about the same time; what has not met after so long will not. */
const MEETING_MS = 5_000;
const MAX_TRIES = 40;
const MIN_PAUSE_MS = 20;
const MAX_PAUSE_MS = 250;

/**
 * Dials from a port that others know, while the peer dials back: TCP's simultaneous open. The first of the two
 * may be refused by a router that does not expect it, so it is tried again for a while.
 */
export async function dialFromPort(local: Endpoint, remote: Endpoint, signal: AbortSignal): Promise<Socket> {
  const time = AbortSignal.timeout(MEETING_MS);
  const either = AbortSignal.any([signal, time]);
  let lastError: Error | undefined;
  for (let number = 1; number <= MAX_TRIES && !either.aborted; number++) {
    try {
      return await tryOnce(local, remote, either);
    } catch (error) {
      lastError = error as Error;
    }
    // Random, so that two sides that refuse each other in step fall out of it.
    const pauseMs = Math.min(MAX_PAUSE_MS, MIN_PAUSE_MS * number) * (0.5 + Math.random());
    await sleep(pauseMs, undefined, { signal: either }).catch(() => {});
  }
  if (signal.aborted) throw aborted();
  const reason = time.aborted ? `no meeting within ${MEETING_MS / 1_000} s` : `${lastError?.message}`;
  throw new Error(`simultaneous open: ${reason}`, { cause: lastError });
}

function tryOnce(local: Endpoint, remote: Endpoint, signal: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      host: remote.address,
      port: remote.port,
      localAddress: local.address,
      localPort: local.port,
      allowHalfOpen: true,
      noDelay: true,
    });
    const onAbort = () => socket.destroy(new Error("the time is over"));
    const settle = () => signal.removeEventListener("abort", onAbort);
    signal.addEventListener("abort", onAbort, { once: true });
    socket.once("error", (error) => {
      settle();
      reject(error);
    });
    socket.once("connect", () => {
      if (isSelfConnected(socket)) {
        socket.destroy(new Error("nobody dials back"));
        return;
      }
      settle();
      resolve(socket);
    });
  });
}
