/** A peer, as a process in its own namespace: joins, connects and answers as it is told. See `NatMatrix`. */
import { once } from "node:events";
import { setTimeout } from "node:timers/promises";
import {
  createIdentity,
  join,
  type PathTrace,
  type PeerPath,
  type PeerStream,
  type Room,
} from "@lekt/client";
import { relay } from "@lekt/methods/relay";
import { tcp } from "@lekt/methods/tcp";
import { udp } from "@lekt/methods/udp";
import { Line } from "../abuse/line.ts";

export type PeerOrder =
  /** A network of its own for each pair of peers. */
  | {
      readonly do: "join";
      readonly url: string;
      readonly name: string;
      /** Wait until the gateway has opened a port. */
      readonly awaitOpenPort: boolean;
    }
  | {
      readonly do: "connect";
      readonly url: string;
      readonly to: string;
      readonly timeoutMs: number;
      /** How long the relay waits for a direct path. */
      readonly graceMs?: number;
      /** Names of the methods to be tried; all without it. */
      readonly methods?: readonly string[];
    }
  | { readonly do: "leave"; readonly url: string };

/** Answer to `connect`. */
export interface Meeting {
  readonly path: PeerPath;
  readonly trace: PathTrace;
  /** From the call to the first byte that came back. */
  readonly elapsedMs: number;
}

const LABEL = "nat-matrix";
const OPEN_PORT_TIMEOUT_MS = 15_000;
const LOOK_AGAIN_MS = 20;

const rooms = new Map<string, Room>();
const identity = await createIdentity();

function room(url: string): Room {
  const found = rooms.get(url);
  if (found === undefined) throw new Error(`this peer is not in ${url}`);
  return found;
}

/** The first value that is there, now or after some event of the room. */
async function awaited<T>(room: Room, look: () => T | undefined): Promise<T> {
  const events = room.events();
  for (;;) {
    const value = look();
    if (value !== undefined) return value;
    if ((await events.next()).done) throw new Error("the room was closed");
  }
}

/** Waits until the router has opened a port and the others know; of the own entry there are no events. */
async function openPort(room: Room): Promise<void> {
  const lateMs = performance.now() + OPEN_PORT_TIMEOUT_MS;
  while (!room.self?.tcp?.port) {
    if (performance.now() > lateMs) throw new Error("the gateway has opened no port");
    await setTimeout(LOOK_AGAIN_MS);
  }
}

async function joinRoom({ url, name, awaitOpenPort }: PeerOrder & { do: "join" }): Promise<void> {
  const room = await join(url, { name, identity, methods: [tcp(), udp(), relay()] });
  rooms.set(url, room);
  room.onConnection(LABEL, (stream) => {
    stream.on("error", () => stream.destroy());
    stream.pipe(stream);
  });
  if (awaitOpenPort) await openPort(room);
}

async function connect(order: PeerOrder & { do: "connect" }): Promise<Meeting> {
  const { url, to, timeoutMs, graceMs, methods } = order;
  const peer = await awaited(room(url), () => room(url).peers.find(({ name }) => name === to));
  const startMs = performance.now();
  const stream = await room(url).connect(peer, {
    label: LABEL,
    timeoutMs,
    ...(graceMs !== undefined && { graceMs }),
    ...(methods && { methods }),
  });
  await echoed(stream);
  const elapsedMs = performance.now() - startMs;
  stream.destroy();
  return { path: stream.path, trace: stream.trace, elapsedMs };
}

/** The peer sends back what it gets. */
async function echoed(stream: PeerStream): Promise<void> {
  stream.write("?");
  await once(stream, "data");
}

async function leave(url: string): Promise<void> {
  await room(url).close();
  rooms.delete(url);
}

async function obey(order: PeerOrder): Promise<unknown> {
  switch (order.do) {
    case "join":
      return joinRoom(order);
    case "connect":
      return connect(order);
    case "leave":
      return leave(order.url);
  }
}

new Line(process, (order) => obey(order as PeerOrder));
process.on("disconnect", () => process.exit());
process.send?.("ready");
