/** One of the two ends, as a process of its own: listens, joins, connects and sends as it is told. */
import type { Duplex } from "node:stream";
import { createIdentity, join, type Room } from "@lekt/client";
import { relay } from "@lekt/methods/relay";
import { tcp } from "@lekt/methods/tcp";
import { udp } from "@lekt/methods/udp";
import { serveTasks } from "../harness/tasks.ts";
import { connectRaw, listenRaw, type RawAddress, type RawKind } from "./raw-streams.ts";
import { checkTransfer, exchangeFirstByte, serveTransfer, timeTransfer } from "./transfer.ts";

/** Who is to be connected to, and how. */
export type Reach =
  | { readonly kind: RawKind; readonly address: RawAddress }
  | {
      readonly kind: "lekt";
      /** The room's, which was joined before. */
      readonly url: string;
      readonly peer: string;
      readonly methods: readonly string[];
    };

export type EndTask =
  /** Answer: the port. */
  | { readonly do: "listen"; readonly kind: RawKind; readonly host: string }
  | { readonly do: "join"; readonly url: string; readonly name: string }
  | { readonly do: "leave"; readonly url: string }
  | { readonly do: "check" | "time"; readonly reach: Reach; readonly bytes: number }
  | { readonly do: "first byte"; readonly reach: Reach };

/** Answer to "first byte". */
export interface FirstByte {
  readonly elapsedMs: number;
  /** That the path took; undefined for what is raw. */
  readonly method: string | undefined;
}

const LABEL = "bench";
const CONNECT_TIMEOUT_MS = 20_000;
const identity = await createIdentity();
const rooms = new Map<string, Room>();

async function enter(url: string, name: string): Promise<void> {
  const methods = [tcp({ portMapping: false }), udp({ portMapping: false }), relay()];
  const room = await join(url, { name, identity, methods });
  rooms.set(url, room);
  room.onConnection(LABEL, serveTransfer);
}

async function leave(url: string): Promise<void> {
  await rooms.get(url)?.close();
  rooms.delete(url);
}

async function peerIn(room: Room, name: string): Promise<Room["peers"][number]> {
  const events = room.events();
  for (;;) {
    const peer = room.peers.find((other) => other.name === name);
    if (peer) return peer;
    if ((await events.next()).done) throw new Error("the room was closed");
  }
}

/** What is needed to connect, found before the clock runs. */
async function connector(reach: Reach): Promise<() => Promise<{ stream: Duplex; method?: string }>> {
  if (reach.kind !== "lekt") return async () => ({ stream: await connectRaw(reach.kind, reach.address) });
  const room = rooms.get(reach.url);
  if (!room) throw new Error(`this end is not in ${reach.url}`);
  const peer = await peerIn(room, reach.peer);
  const options = { label: LABEL, methods: reach.methods, timeoutMs: CONNECT_TIMEOUT_MS };
  return async () => {
    const stream = await room.connect(peer, options);
    return { stream, method: stream.path.method };
  };
}

async function firstByte(reach: Reach): Promise<FirstByte> {
  const connect = await connector(reach);
  const startMs = performance.now();
  const { stream, method } = await connect();
  await exchangeFirstByte(stream);
  const elapsedMs = performance.now() - startMs;
  stream.destroy();
  return { elapsedMs, method };
}

serveTasks(async (task: EndTask) => {
  switch (task.do) {
    case "listen":
      return listenRaw(task.kind, task.host, serveTransfer);
    case "join":
      return enter(task.url, task.name);
    case "leave":
      return leave(task.url);
    case "check":
    case "time": {
      const connect = await connector(task.reach);
      const { stream } = await connect();
      return await (task.do === "check" ? checkTransfer : timeTransfer)(stream, task.bytes);
    }
    case "first byte":
      return firstByte(task.reach);
  }
});
