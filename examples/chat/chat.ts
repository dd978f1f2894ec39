/**
 * A chat without a chat server: LEKT tells who is there, and lines go from peer to peer, end-to-end encrypted, by
 * whatever path there is. With a key in the URL (`npx lekt key URL` makes one) only who has it takes part.
 *
 *   npx tsx examples/chat/chat.ts lekt://localhost/chat ada
 */
import { createInterface } from "node:readline";
import { join, type Peer, type PeerStream } from "@lekt/client";
import { relay } from "@lekt/methods/relay";
import { tcp } from "@lekt/methods/tcp";
import { udp } from "@lekt/methods/udp";
import { safeText } from "@lekt/protocol";

const [url = "lekt://localhost/chat", name = `guest-${process.pid}`] = process.argv.slice(2);
/** Longer lines are cut: they come from strangers. */
const MAX_LINE = 1_000;

const room = await join(url, { name, methods: [tcp(), udp(), relay()] });

// Lines of others come by streams that they open; what we say goes by our own.
room.onConnection("chat", (stream) => {
  createInterface(stream)
    .on("line", (line) => console.log(safeText(line.slice(0, MAX_LINE))))
    .on("error", () => {}); // who said it was cut off
  stream.end();
});

const streams = new Map<string, Promise<PeerStream>>();

/** A stream that is kept open; who cannot be reached is tried again with the next line. */
function streamTo(peer: Peer): Promise<PeerStream> {
  const open = streams.get(peer.id);
  if (open) return open;
  const opening = room.connect(peer, { label: "chat" });
  streams.set(peer.id, opening);
  const forget = () => streams.delete(peer.id);
  opening.then((stream) => stream.resume().once("close", forget), forget);
  return opening;
}

async function say(peer: Peer, line: string): Promise<void> {
  try {
    (await streamTo(peer)).write(line);
  } catch (error) {
    console.log(`* ${(error as Error).message}`);
  }
}

async function hangUp(opening: Promise<PeerStream> | undefined): Promise<void> {
  const stream = await opening?.catch(() => undefined);
  stream?.end();
}

room.on((event) => {
  if (event.type === "joined") console.log(`* ${event.peer.name} came`);
  if (event.type === "left") {
    console.log(`* ${event.peer.name} left`);
    void hangUp(streams.get(event.peer.id));
  }
});
console.log(`* you are ${name}; here: ${room.peers.map((peer) => peer.name).join(", ") || "nobody else"}`);

for await (const text of createInterface({ input: process.stdin })) {
  for (const peer of room.peers) void say(peer, `${name}: ${text}\n`);
}
// The end of the input is the end of the visit: what was said is still sent.
await Promise.all([...streams.values()].map(hangUp));
await room.drain();
