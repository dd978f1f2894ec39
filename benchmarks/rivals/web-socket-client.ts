import { WebSocket } from "ws";
import type { Member } from "../harness/member.ts";
import type { ServerAddress } from "../harness/rival.ts";

/** A WebSocket of a member, open, from its own address. The first message may come together with the opening. */
export async function openWebSocket(
  { host, port }: ServerAddress,
  path: string,
  member: Member,
  read: (message: Buffer, socket: WebSocket) => void,
): Promise<WebSocket> {
  const socket = new WebSocket(`ws://${host}:${port}${path}`, {
    localAddress: member.address,
    perMessageDeflate: false,
    skipUTF8Validation: true,
    // A list of thousands in one message.
    maxPayload: 64 * 1_024 * 1_024,
  });
  socket.on("message", (data) => read(bytesOf(data), socket));
  await new Promise<void>((resolve, reject) => {
    socket.once("open", resolve);
    socket.once("error", reject);
  });
  socket.on("error", (error) => member.fail(error.message));
  socket.on("close", () => member.fail("the server closed the connection"));
  return socket;
}

/** Goes without another word. */
export function leaveWebSocket(socket: WebSocket): void {
  socket.removeAllListeners("close");
  socket.terminate();
}

export function bytesOf(data: unknown): Buffer {
  if (!Buffer.isBuffer(data)) throw new TypeError("a message is no Buffer");
  return data;
}
