import { once } from "node:events";
import type { Duplex } from "node:stream";
import { finished } from "node:stream/promises";

/**
 * Resolves when both directions have ended and the stream is closed: a stream to a peer closes once the peer has
 * confirmed that all has come. @throws what broke it before
 */
export async function closeOf(stream: Duplex): Promise<void> {
  await finished(stream);
  if (!stream.closed) await once(stream, "close");
  if (stream.errored) throw stream.errored;
}
