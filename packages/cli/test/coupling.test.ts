import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { Duplex } from "node:stream";
import { text } from "node:stream/consumers";
import { setImmediate as turn } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { couple } from "../src/peers/coupling.ts";

/** The two ends of a TCP connection. */
async function sockets(): Promise<[Socket, Socket]> {
  const server = createServer({ allowHalfOpen: true }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const accepted = once(server, "connection");
  const { port } = server.address() as AddressInfo;
  const near = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  const [far] = (await accepted) as [Socket];
  server.close();
  for (const socket of [near, far]) {
    socket.on("error", () => {});
    onTestFinished(() => void socket.destroy());
  }
  return [near, far];
}

/** A stream whose end the peer confirms, or does not, when the test says so. */
class PeerDouble extends Duplex {
  readonly hasEnded: Promise<unknown>;
  #settle: (error?: Error) => void = () => {};

  constructor() {
    super({ allowHalfOpen: true });
    this.hasEnded = once(this, "waiting");
    this.hasEnded.catch(() => {});
  }

  override _read(): void {}

  override _write(_chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#settle = done;
    if (error) done(error);
    else this.emit("waiting");
  }

  confirm(error?: Error): void {
    this.#settle(error);
  }
}

/** Both directions are through, and the peer has not confirmed it yet. */
async function unconfirmed(): Promise<{ readonly peer: PeerDouble; readonly coupled: Promise<void> }> {
  const [near, far] = await sockets();
  const peer = new PeerDouble();
  const coupled = couple(near, peer);
  coupled.catch(() => {});
  peer.push("from the peer");
  peer.push(null);
  far.end("to the peer");
  expect(await text(far)).toBe("from the peer");
  await peer.hasEnded;
  return { peer, coupled };
}

test("a coupling lasts until the peer has confirmed the end", async () => {
  const { peer, coupled } = await unconfirmed();
  const first = await Promise.race([coupled.then(() => "over"), turn()]);
  expect(first).toBeUndefined();
  peer.confirm();
  await coupled;
});

test("a peer that is lost before it has confirmed the end breaks it", async () => {
  const { peer, coupled } = await unconfirmed();
  peer.confirm(new Error("lost"));
  await expect(coupled).rejects.toThrow("lost");
});

test("a broken stream resets the connection: half of something does not pass for the whole", async () => {
  const [near, far] = await sockets();
  const peer = new PeerDouble();
  const coupled = couple(near, peer);
  coupled.catch(() => {});
  peer.push("half");
  await once(far, "data");
  const broken = once(far, "error");
  peer.destroy(new Error("broke"));
  await expect(coupled).rejects.toThrow("broke");
  expect(await Promise.race([broken, once(far, "end").then(() => "end")])).toMatchObject([
    { code: "ECONNRESET" },
  ]);
});
