/** A peer that sends without end, or reads, and tells what became of its streams. See `dead-path.test.ts`. */
import { once } from "node:events";
import { createIdentity, join, type PeerStream } from "@lekt/client";
import { relay } from "@lekt/methods/relay";
import { tcp } from "@lekt/methods/tcp";
import { udp } from "@lekt/methods/udp";
import { Line } from "../abuse/line.ts";

export type DeadPathOrder =
  /** Opens a stream by a method to the other peer, and sends on it for as long as it lives. */
  | { readonly do: "send"; readonly method: string }
  /** Waits until all streams are closed. */
  | { readonly do: "ends" };

/** By method, the code of the error that a stream ended with. */
export type Ends = Readonly<Record<string, string>>;

const LABEL = "dead-path";
const CHUNK_BYTES = 16_384;

const [url = ""] = process.argv.slice(2);
const ends = new Map<string, Promise<string>>();
const room = await join(url, { identity: await createIdentity(), methods: [tcp(), udp(), relay()] });

function watch(stream: PeerStream): void {
  ends.set(
    stream.path.method,
    new Promise((resolve) => {
      stream.once("close", () => resolve((stream.errored as { code?: string } | null)?.code ?? "no error"));
    }),
  );
}

room.onConnection(LABEL, (stream) => {
  watch(stream);
  stream.resume();
  stream.write("send");
});

async function send(method: string): Promise<void> {
  const peer =
    room.peers[0] ??
    (await room
      .events()
      .next()
      .then(() => room.peers[0]));
  if (!peer) throw new Error("the other peer is not there");
  const stream = await room.connect(peer, { label: LABEL, methods: [method] });
  watch(stream);
  await once(stream, "data");
  const chunk = Buffer.alloc(CHUNK_BYTES);
  const fill = () => {
    while (!stream.destroyed && stream.write(chunk));
  };
  stream.on("drain", fill);
  fill();
}

async function obey(order: DeadPathOrder): Promise<unknown> {
  if (order.do === "send") return send(order.method);
  const entries = [...ends].map(async ([method, code]) => [method, await code] as const);
  return Object.fromEntries(await Promise.all(entries));
}

new Line(process, (order) => obey(order as DeadPathOrder));
process.on("disconnect", () => process.exit());
process.send?.("ready");
