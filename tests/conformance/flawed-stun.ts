import { createSocket, type RemoteInfo } from "node:dgram";
import { once } from "node:events";
import { answerBindingRequest } from "@lekt/protocol";

/** @param good what a good server answers, if at all. */
export type StunFlaw = (
  good: Uint8Array | undefined,
  request: Buffer,
  from: RemoteInfo,
) => Uint8Array | undefined;

/** Answers STUN at two ports of the loopback, wrongly. */
export async function openFlawedStun(flaw: StunFlaw): Promise<{ addresses: string[]; close: () => void }> {
  const sockets = [createSocket("udp4"), createSocket("udp4")];
  for (const socket of sockets) {
    socket.on("message", (request, from) => {
      const answer = flaw(answerBindingRequest(request, from), request, from);
      if (answer) socket.send(answer, from.port, from.address);
    });
    socket.bind(0, "127.0.0.1");
    await once(socket, "listening");
  }
  return {
    addresses: sockets.map((socket) => `127.0.0.1:${socket.address().port}`),
    close: () => {
      for (const socket of sockets) socket.close();
    },
  };
}
