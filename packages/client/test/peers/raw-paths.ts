import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { type Duplex, duplexPair } from "node:stream";
import { onTestFinished } from "vitest";

/** Two ends of one stream of bytes that is neither encrypted nor authenticated. */
export type RawPair = readonly [Duplex, Duplex];

export async function tcpPair(): Promise<RawPair> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  const accepted = once(server, "connection") as Promise<[Socket]>;
  const dialled = connect(port, "127.0.0.1");
  await once(dialled, "connect");
  const pair = [dialled, (await accepted)[0]] as const;
  server.close();
  return destroyedAtTheEnd(pair);
}

/** No sockets: what a method over UDP, or a browser's data channel, hands over. */
export async function memoryPair(): Promise<RawPair> {
  return destroyedAtTheEnd(duplexPair());
}

function destroyedAtTheEnd(pair: RawPair): RawPair {
  onTestFinished(() => {
    for (const end of pair) end.destroy();
  });
  return pair;
}

export const RAW_PAIRS = [
  { kind: "sockets", rawPair: tcpPair },
  { kind: "other streams", rawPair: memoryPair },
] as const;
