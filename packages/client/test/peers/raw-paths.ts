import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { Duplex } from "node:stream";
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
  const [a, b] = [new MemoryEnd(), new MemoryEnd()];
  a.other = b;
  b.other = a;
  return destroyedAtTheEnd([a, b]);
}

class MemoryEnd extends Duplex {
  other: MemoryEnd = this;
  /** Of a write that waits until the other end reads. */
  #written: () => void = () => {};

  override _read(): void {
    this.other.#written();
  }

  override _write(bytes: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#written = () => {
      this.#written = () => {};
      done();
    };
    if (this.other.destroyed || this.other.push(bytes)) this.#written();
  }

  override _final(done: () => void): void {
    this.other.push(null);
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.other.#written();
    // What ends a path without ending the stream is noticed at the other end, as with a socket.
    if (!this.writableFinished) setImmediate(() => this.other.destroy());
    done(error);
  }
}

export async function closeOf(stream: Duplex): Promise<void> {
  if (!stream.closed) await new Promise((resolve) => stream.once("close", resolve));
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
