import type { PeerRoom } from "./peer-room.ts";

/** What `lekt ping` speaks: whatever comes is sent back. Every command that connects peers answers. */
export const PING_LABEL = "lekt/ping";

/** Bytes of one ping. */
export const PING_BYTES = 8;
/** Streams of pings that are answered at once; further ones are closed. */
const MAX_PINGS = 64;

export function answerPings(room: PeerRoom): void {
  let open = 0;
  room.onConnection(PING_LABEL, (stream) => {
    if (open >= MAX_PINGS) {
      stream.destroy();
      return;
    }
    open++;
    stream.once("close", () => open--);
    stream.pipe(stream);
  });
}
