import type { Socket } from "node:net";
import { encodeReject, REJECT_LINGER_MS, type RejectWord } from "@lekt/protocol";

/** Says why, ends the own side, and reads and throws away until the other one ends, or for a second (spec 6.5). */
export function refuseSocket(socket: Socket, word: RejectWord, text: string): void {
  const timer = setTimeout(() => socket.destroy(), REJECT_LINGER_MS);
  socket.once("close", () => clearTimeout(timer));
  socket.end(encodeReject(word, text));
  socket.resume();
}
