import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { RawPath } from "@lekt/protocol";
import { endpointText } from "../network/endpoint-text.ts";

/** Where nothing comes for so long, the system probes each second, and gives up after ten probes. */
const KEEP_ALIVE_DELAY_MS = 2_000;

/** @param dialled see `RawPath` */
export function rawPath(socket: Socket, dialled: RawPath<Duplex>["dialled"]): RawPath<Duplex> {
  socket.setNoDelay(true);
  socket.setKeepAlive(true, KEEP_ALIVE_DELAY_MS);
  // Until the room listens, an error without a listener would end the process; the stream's end tells enough.
  socket.on("error", () => {});
  return {
    stream: socket,
    dialled,
    local: endpointText(socket.localAddress, socket.localPort),
    remote: endpointText(socket.remoteAddress, socket.remotePort),
    relayed: false,
  };
}
