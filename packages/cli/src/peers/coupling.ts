import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { closeOf } from "./stream-end.ts";

/**
 * Copies both ways until both directions have ended, at both. Where one breaks, so does the other: nobody takes half
 * of something for the whole. @throws what broke
 */
export async function couple(socket: Socket, stream: Duplex): Promise<void> {
  socket.pipe(stream);
  stream.pipe(socket);
  try {
    await Promise.all([closeOf(socket), closeOf(stream)]);
  } catch (error) {
    stream.destroy();
    socket.resetAndDestroy();
    throw error;
  }
}
