import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { PassThrough, Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { connect as connectTls, createServer as createTlsServer, type TLSSocket } from "node:tls";
import UDX, { type UdxStream } from "udx-native";
import { afterEach, describe, expect, it } from "vitest";
import { SILENT_REPORTS, UdxDuplex, type UdxDuplexOptions, WINDOW_BYTES } from "../../src/udp/udx-duplex.ts";

const closing: (() => void)[] = [];

afterEach(() => {
  for (const close of closing.splice(0)) close();
});

/** Two connected streams of udx over loopback. */
function rawPair(): [UdxStream, UdxStream] {
  const udx = new UDX();
  const sockets = [udx.createSocket(), udx.createSocket()] as const;
  for (const socket of sockets) socket.bind(0, "127.0.0.1");
  const streams = [udx.createStream(1), udx.createStream(2)] as const;
  streams[0].connect(sockets[0], 2, sockets[1].address()?.port as number, "127.0.0.1");
  streams[1].connect(sockets[1], 1, sockets[0].address()?.port as number, "127.0.0.1");
  closing.push(() => {
    for (const stream of streams) stream.destroy();
    for (const socket of sockets) void socket.close();
  });
  return [...streams];
}

function duplexOf(stream: UdxStream, options?: UdxDuplexOptions): UdxDuplex {
  const duplex = new UdxDuplex(stream, options);
  // Each test ends by destroying what is left.
  duplex.on("error", () => {});
  return duplex;
}

function pair(options?: UdxDuplexOptions): [UdxDuplex, UdxDuplex] {
  const [a, b] = rawPair();
  return [duplexOf(a, options), duplexOf(b, options)];
}

const MEGABYTE = randomBytes(1_048_576);

function megabytes(count: number): Readable {
  return Readable.from(
    (function* () {
      for (let i = 0; i < count; i++) yield MEGABYTE;
    })(),
  );
}

async function digestOf(source: Readable): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of source.iterator({ destroyOnReturn: false })) hash.update(chunk);
  return hash.digest("hex");
}

describe("a stream over UDP", () => {
  it("carries many windows both ways at once, and ends on both sides without an error", async () => {
    const [a, b] = pair();
    const expected = await digestOf(megabytes(25));
    const closed = Promise.all([once(a, "close"), once(b, "close")]);
    const sent = Promise.all([a, b].map((side) => pipeline(megabytes(25), side)));
    const results = await Promise.all([digestOf(a), digestOf(b)]);
    expect(results).toEqual([expected, expected]);
    await sent;
    await closed;
  });

  it("ends one direction and leaves the other open", async () => {
    const [a, b] = pair();
    a.end("question");
    expect(await digestOf(b)).toBe(createHash("sha256").update("question").digest("hex"));
    b.write("answer, ");
    await new Promise((resolve) => setImmediate(resolve));
    b.end("at length");
    const chunks: Buffer[] = [];
    for await (const chunk of a.iterator({ destroyOnReturn: false })) chunks.push(chunk as Buffer);
    expect(Buffer.concat(chunks).toString()).toBe("answer, at length");
  });

  it("stops a writer whose peer does not read, and goes on when it does", async () => {
    const [a, b] = pair();
    let written = 0;
    const source = Readable.from(
      (function* () {
        for (let i = 0; i < 32; i++) {
          written += MEGABYTE.length;
          yield MEGABYTE;
        }
      })(),
    );
    const sending = pipeline(source, a);
    // What it may send ahead is there, and nothing goes on.
    await expect.poll(() => b.waitingBytes).toBeGreaterThan(WINDOW_BYTES - 200_000);
    const before = written;
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(written).toBe(before);
    expect(written).toBeLessThanOrEqual(WINDOW_BYTES + 3 * MEGABYTE.length);
    expect(await digestOf(b)).toBe(await digestOf(megabytes(32)));
    b.end();
    await sending;
  });

  it("takes a full window from a peer that ignores how much was read, and not a byte more", async () => {
    for (const more of [0, 1]) {
      const [raw, other] = rawPair();
      const reader = duplexOf(other);
      let error: Error | undefined;
      reader.on("error", (reason) => {
        error = reason;
      });
      raw.on("error", () => {});
      raw.resume();
      raw.write(Buffer.alloc(WINDOW_BYTES));
      await raw.flush();
      expect(error).toBeUndefined();
      if (more === 0) continue;
      raw.write(Buffer.alloc(more));
      await expect.poll(() => error?.message).toMatch(/more than the 4194304 bytes/);
    }
  });

  it("keeps single bytes, wherever they lie, in few pieces and in order", async () => {
    const [, other] = rawPair();
    const reader = duplexOf(other);
    const sent = MEGABYTE.subarray(0, 200_000);
    for (const byte of sent) other.emit("data", Buffer.from([byte]));
    expect(reader.waitingBytes).toBe(sent.length);
    expect(reader.waitingPieces).toBeLessThanOrEqual(Math.ceil(sent.length / 16_384));
    other.emit("end");
    expect(await digestOf(reader)).toBe(await digestOf(Readable.from([sent])));
  });

  it("breaks off where the peer falls silent", async () => {
    const udx = new UDX();
    const socket = udx.createSocket();
    const nobody = udx.createSocket();
    nobody.bind(0, "127.0.0.1");
    socket.bind(0, "127.0.0.1");
    const stream = udx.createStream(1);
    stream.connect(socket, 2, nobody.address()?.port as number, "127.0.0.1");
    closing.push(() => {
      void socket.close();
      void nobody.close();
    });
    const startMs = performance.now();
    const duplex = new UdxDuplex(stream, { reportIntervalMs: 25 });
    const [error] = (await once(duplex, "error")) as [Error];
    expect(error).toMatchObject({ code: "LEKT_PATH", message: expect.stringMatching(/fell silent/) });
    expect(performance.now() - startMs).toBeGreaterThanOrEqual(25 * SILENT_REPORTS);
  });

  it("stays open where both sides have nothing to say", async () => {
    const [a, b] = pair({ reportIntervalMs: 20 });
    await new Promise((resolve) => setTimeout(resolve, 20 * SILENT_REPORTS * 4));
    a.write("still here");
    const [chunk] = (await once(b, "data")) as [Buffer];
    expect(chunk.toString()).toBe("still here");
  });

  it("tells the other side that it was destroyed, and fails what was being written", async () => {
    const [a, b] = pair();
    b.write(Buffer.alloc(2 * WINDOW_BYTES), () => {});
    const failed = once(b, "error");
    a.destroy();
    const [error] = (await failed) as [Error];
    expect(error).toMatchObject({ code: "LEKT_PATH" });
  });

  it("carries TLS, to the end of both sides", async () => {
    const [a, b] = pair();
    const key = randomBytes(32);
    const common = { ciphers: "PSK", minVersion: "TLSv1.2", maxVersion: "TLSv1.2" } as const;
    const client = connectTls({
      ...common,
      socket: a,
      checkServerIdentity: () => undefined,
      pskCallback: () => ({ psk: key, identity: "peer" }),
    });
    const acceptor = createTlsServer({ ...common, allowHalfOpen: true, pskCallback: () => key });
    acceptor.emit("connection", b);
    const [server] = (await once(acceptor, "secureConnection")) as [TLSSocket];
    const echo = new PassThrough();
    const echoed = pipeline(server, echo, server);
    const sent = pipeline(megabytes(8), client);
    expect(await digestOf(client)).toBe(await digestOf(megabytes(8)));
    await Promise.all([sent, echoed]);
    await Promise.all([a, b].map((side) => side.closed || once(side, "close")));
    expect([a.errored, b.errored]).toEqual([null, null]);
  });
});
