/**
 * A chat without a chat server: LEKT tells who is there, and lines go from peer to peer over plain TCP, to the
 * addresses of the roster. (Plain: whoever sits on the way can read along. It is an example.)
 *
 *   npx tsx examples/chat/chat.ts lekt://localhost/chat ada
 */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { createInterface } from "node:readline";
import { join, type Peer } from "@lekt/client";
import { safeText } from "@lekt/protocol";

const [url = "lekt://localhost/chat", name = `guest-${process.pid}`] = process.argv.slice(2);
/** Longer lines are cut: they come from strangers. */
const MAX_LINE = 1_000;

function printLines(socket: Socket): void {
  socket.on("error", () => {});
  createInterface(socket).on("line", (line) => console.log(safeText(line.slice(0, MAX_LINE))));
}

// Every peer has a port of its own, which the roster tells to the others.
const listener = createServer(printLines).listen(0);
await once(listener, "listening");
const room = await join(url, { name, tcp: (listener.address() as AddressInfo).port });

const lines = new Map<string, Socket>();

/** A line to a peer that is kept open; who cannot be reached is tried again with the next line. */
function lineTo(peer: Peer): Socket | undefined {
  const open = lines.get(peer.id);
  if (open && !open.destroyed) return open;
  if (!peer.address || !peer.tcp?.port) return undefined;
  const socket = connect(peer.tcp.port, peer.address);
  socket.on("error", () => console.log(`* ${peer.name} cannot be reached`));
  lines.set(peer.id, socket);
  return socket;
}

room.on((event) => {
  if (event.type === "joined") console.log(`* ${event.peer.name} came`);
  if (event.type === "left") {
    console.log(`* ${event.peer.name} left`);
    lines.get(event.peer.id)?.destroy();
    lines.delete(event.peer.id);
  }
});
console.log(`* you are ${name}; here: ${room.peers.map((peer) => peer.name).join(", ") || "nobody else"}`);

for await (const text of createInterface({ input: process.stdin })) {
  for (const peer of room.peers) lineTo(peer)?.write(`${name}: ${text}\n`);
}
// The end of the input is the end of the visit: what was said is still sent.
for (const socket of lines.values()) socket.end();
await room.drain();
listener.close();
