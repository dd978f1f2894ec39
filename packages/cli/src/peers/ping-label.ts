import type { ConnectionHandler } from "@lekt/client";
import { atMost } from "./connection-limit.ts";

/** What `lekt ping` speaks: whatever comes is sent back. Every command that connects peers answers. */
export const PING_LABEL = "lekt/ping";

/** Bytes of one ping. */
export const PING_BYTES = 8;
/** Streams of pings that are answered at once. */
const MAX_PINGS = 64;

export function pingAnswerer(): ConnectionHandler {
  return atMost(MAX_PINGS, (stream) => stream.pipe(stream));
}
