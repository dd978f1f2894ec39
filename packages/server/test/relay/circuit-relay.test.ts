import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect, createServer as createNetServer, type Socket } from "node:net";
import { encodeAccept, encodeCircuit, encodeHandshake, METHOD } from "@lekt/protocol";
import { describe, expect, onTestFinished, test } from "vitest";
import { EventLog } from "../../src/event-log.ts";
import type { ServerOptions } from "../../src/options.ts";
import { CircuitIssuer } from "../../src/relay/circuit-issuer.ts";
import { CircuitRelay, type CircuitRelayOptions } from "../../src/relay/circuit-relay.ts";
import { mintCircuitToken } from "../../src/relay/circuit-token.ts";
import { createRelay, type RelayOptions } from "../../src/relay/create-relay.ts";
import { listening } from "../listening-server.ts";
import { RawClient } from "../raw-client.ts";
import { CircuitClient } from "./circuit-client.ts";

const KEY = randomBytes(32);
const issuer = new CircuitIssuer(KEY);

function freshToken(): Uint8Array {
  const { circuit } = issuer.issue(Math.floor(Date.now() / 1_000), "");
  return Uint8Array.from(Buffer.from(circuit, "hex"));
}

async function serverPort(options: ServerOptions = {}): Promise<number> {
  return (await listening({ relayKey: KEY, ...options })).port;
}

async function relayPort(options: Partial<RelayOptions> = {}): Promise<number> {
  const relay = createRelay({
    key: KEY,
    host: "127.0.0.1",
    port: 0,
    maxConnectionsPerSecond: 100_000,
    ...options,
  });
  onTestFinished(() => relay.close());
  await relay.listen();
  return relay.address?.port ?? 0;
}

/** More than all buffers on the way take together. */
const ENDLESS_BYTES = 64 * 1_024 * 1_024;

/** Writes until nothing of it is taken for a while. @returns how many bytes. */
async function writeUntilFull(socket: Socket): Promise<number> {
  const piece = Buffer.alloc(65_536, "x");
  let written = 0;
  while (socket.writableLength < 16 * piece.length && written < ENDLESS_BYTES) {
    socket.write(piece);
    written += piece.length;
    await new Promise((resolve) => setImmediate(resolve));
  }
  return written;
}

/** A circuit's two ends. */
async function pair(
  port: number,
  early: [string, string] = ["", ""],
): Promise<[CircuitClient, CircuitClient]> {
  const token = freshToken();
  const a = await CircuitClient.connect(port, token, early[0]);
  const b = await CircuitClient.connect(port, token, early[1]);
  return Promise.all([a.accepted(), b.accepted()]);
}

describe.each([
  { where: "on the server's port", open: serverPort },
  { where: "at a relay alone", open: relayPort },
])("a circuit $where", ({ open }) => {
  test("carries bytes both ways, those that came early included", async () => {
    const [a, b] = await pair(await open(), ["early from a, ", "early from b, "]);
    a.socket.write("late from a");
    b.socket.write("late from b");
    await b.said("early from a, late from a");
    await a.said("early from b, late from b");
  });

  test("passes the end of one direction on and leaves the other open", async () => {
    const [a, b] = await pair(await open());
    a.socket.end("all of it");
    await b.said("all of it");
    await b.end();
    b.socket.write("and now ");
    await a.said("and now ");
    b.socket.end("the answer");
    await Promise.all([a.closed(), b.closed()]);
    expect(a.text).toBe("and now the answer");
    expect(a.error ?? b.error).toBeUndefined();
  });

  test("passes on the end of a side that ended before the other one came", async () => {
    const port = await open();
    const token = freshToken();
    const a = await CircuitClient.connect(port, token, "said and gone");
    a.socket.end();
    const b = await CircuitClient.connect(port, token);
    await b.end();
    expect(b.text).toBe("said and gone");
    b.socket.end("and answered");
    await a.closed();
    expect(a.text).toBe("and answered");
  });

  test("holds a fast writer to the pace of a slow reader, and loses nothing", async () => {
    const [a, b] = await pair(await open());
    b.socket.pause();
    const written = await writeUntilFull(a.socket);
    expect(written).toBeLessThan(ENDLESS_BYTES);
    a.socket.end();
    let read = 0;
    b.socket.removeAllListeners("data");
    b.socket.on("data", (bytes: Buffer) => {
      read += bytes.length;
    });
    b.socket.resume();
    await once(b.socket, "end");
    expect(read).toBe(written);
  });

  test("that breaks on one side breaks on the other", async () => {
    const [a, b] = await pair(await open());
    a.socket.resetAndDestroy();
    await b.closed();
    expect(b.error?.code).toBe("ECONNRESET");
  });

  test("takes no third one, whatever comes of the two", async () => {
    const port = await open();
    const token = freshToken();
    const a = await CircuitClient.connect(port, token);
    const b = await CircuitClient.connect(port, token);
    await Promise.all([a.accepted(), b.accepted()]);
    expect(await (await CircuitClient.connect(port, token)).rejection()).toMatch(/^auth: two connections/);
    a.socket.write("undisturbed");
    await b.said("undisturbed");
  });

  test("is for nobody whose token is forged, expired or guessed", async () => {
    const port = await open();
    const now = Math.floor(Date.now() / 1_000);
    const forged = mintCircuitToken(randomBytes(32), now + 120, randomBytes(12));
    const expired = mintCircuitToken(KEY, now - 60, randomBytes(12));
    for (const [token, word] of [
      [forged, "auth: "],
      [randomBytes(32), "auth: "],
      [expired, "timeout: "],
    ] as const) {
      expect((await (await CircuitClient.connect(port, token)).rejection()).startsWith(word)).toBe(true);
    }
  });

  test("so many at once and no more", async () => {
    const port = await open({ maxCircuits: 1 });
    const [a, b] = await pair(port);
    const refused = await CircuitClient.connect(port, freshToken());
    expect(await refused.rejection()).toBe("limit: this relay is full (1 circuits)");
    a.socket.destroy();
    b.socket.destroy();
    await expect
      .poll(async () => {
        const token = freshToken();
        const again = await CircuitClient.connect(port, token);
        const other = await CircuitClient.connect(port, token);
        return Promise.race([again.accepted().then(() => "accepted"), other.closed()]).catch(() => "refused");
      })
      .toBe("accepted");
  });

  test("so many connections of one address and no more", async () => {
    const port = await open({ maxCircuitsPerAddress: 2 });
    await pair(port);
    const refused = await CircuitClient.connect(port, freshToken());
    expect(await refused.rejection()).toMatch(/^limit: 2 connections of your address/);
  });

  test("so many bytes through it and no more", async () => {
    const port = await open({ maxCircuitBytes: 10 });
    const [a, b] = await pair(port);
    a.socket.write("12345");
    await b.said("12345");
    b.socket.write("67890");
    await a.said("67890");
    a.socket.write("!");
    await Promise.all([a.closed(), b.closed()]);
    expect(b.text).toBe("12345");
  });
});

describe("a server", () => {
  test("that gives no circuits takes none", async () => {
    const { port } = await listening({ relay: false });
    expect(await (await CircuitClient.connect(port, freshToken())).rejection()).toBe(
      "auth: this server is no relay",
    );
  });

  test("whose relay is elsewhere takes none", async () => {
    const port = await serverPort({ relayAddress: "relay.example.org:15358" });
    expect(await (await CircuitClient.connect(port, freshToken())).rejection()).toBe(
      "auth: this server is no relay",
    );
  });

  test("without a key takes no token of another one", async () => {
    const { port } = await listening();
    expect(await (await CircuitClient.connect(port, freshToken())).rejection()).toMatch(/^auth: this token/);
  });

  test("that is full of clients has room for circuits, and refuses one more client", async () => {
    const { server, port } = await listening({ relayKey: KEY, maxClients: 1 });
    await (await RawClient.connect(port)).introduce({ name: "ada" });
    await pair(port);
    expect(server.counts.clients).toBe(1);
    const second = await RawClient.connect(port);
    second.send(encodeHandshake(0, []));
    await second.end();
    expect(second.packets.map(({ type }) => type)).toEqual(["reject"]);
    expect(second.rejected?.message).toBe("limit: this server is full (1 clients)");
  });

  test("ends with circuits under way: at once, and in order", async () => {
    for (const how of ["close", "drain"] as const) {
      const { server, port } = await listening({ relayKey: KEY });
      const [a] = await pair(port);
      const waiting = await CircuitClient.connect(port, freshToken());
      waiting.socket.on("end", () => waiting.socket.end());
      // Its token has been read when what was sent behind it has its answer.
      await (await RawClient.connect(port)).introduce({ name: "ada" });
      const ended = server[how]();
      if (how === "drain") expect(await waiting.rejection()).toMatch(/^shutdown: /);
      await Promise.all([ended, a.closed(), waiting.closed()]);
    }
  });
});

describe("a relay alone", () => {
  test("has no rosters", async () => {
    const client = await RawClient.connect(await relayPort());
    client.send(encodeHandshake(64, [METHOD.name]));
    await client.end();
    expect(client.rejected?.message).toMatch(/^auth: this is a relay/);
  });

  test("refuses what is no packet", async () => {
    const client = await RawClient.connect(await relayPort());
    client.send(Buffer.from("GET / HTTP/1.1\r\n\r\n"));
    await client.end();
    expect(client.rejected?.word).toBe("malformed");
  });

  test("takes a token in single bytes", async () => {
    const port = await relayPort();
    const token = freshToken();
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    await once(socket, "connect");
    const slow = new CircuitClient(socket);
    for (const byte of encodeCircuit(token)) {
      socket.write(Uint8Array.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }
    socket.write("first words");
    const other = await CircuitClient.connect(port, token);
    await slow.accepted();
    await other.said("first words");
  });

  test("waits so long for a token and no longer", async () => {
    const client = await RawClient.connect(await relayPort({ setupTimeoutMs: 50 }));
    client.send(encodeCircuit(freshToken()).subarray(0, 39));
    await client.end();
    expect(client.rejected?.word).toBe("timeout");
  });

  test("so many newcomers at once and no more", async () => {
    const port = await relayPort({ maxNewcomers: 1 });
    const first = await RawClient.connect(port);
    const second = await RawClient.connect(port);
    await second.end();
    expect(second.packets).toEqual([]);
    first.send(encodeCircuit(freshToken()));
    // It has a place of its own now.
    await expect
      .poll(async () => {
        const third = await RawClient.connect(port);
        third.send(encodeHandshake(0, []));
        await third.end();
        return third.rejected?.word;
      })
      .toBe("auth");
  });

  test("so many new connections of an address a second and no more", async () => {
    const port = await relayPort({ maxConnectionsPerSecond: 1 });
    const clients = await Promise.all([1, 2, 3].map(() => RawClient.connect(port)));
    await Promise.race(clients.map((client) => client.end()));
    expect(clients.some(({ rejected }) => rejected?.word === "rate")).toBe(true);
  });

  test("listens once, and tells who is in the way", async () => {
    const port = await relayPort();
    const second = createRelay({ key: KEY, host: "127.0.0.1", port });
    await expect(second.listen()).rejects.toMatchObject({ code: "LEKT_ADDRESS_IN_USE" });
    await second.close();
    await expect(second.listen()).rejects.toMatchObject({ code: "LEKT_LISTEN" });
  });

  test("tells newcomers and those who wait that it goes down", async () => {
    const relay = createRelay({ key: KEY, host: "127.0.0.1", port: 0 });
    await relay.listen();
    const port = relay.address?.port ?? 0;
    const waiting = await CircuitClient.connect(port, freshToken());
    await expect.poll(() => relay.connections).toBe(1);
    const newcomer = await RawClient.connect(port);
    waiting.socket.on("end", () => waiting.socket.end());
    const drained = relay.drain();
    expect(await waiting.rejection()).toMatch(/^shutdown: /);
    await newcomer.end();
    await drained;
    expect(relay.connections).toBe(0);
  });

  test.each([
    [{ key: new Uint8Array(31) }, /key must have 32 bytes or more, not 31/],
    [{ key: KEY, maxCircuits: 0 }, /maxCircuits must be/],
    [{ key: KEY, port: 65_536 }, /port must be/],
  ])("does not take %o", (options, message) => {
    expect(() => createRelay(options)).toThrow(message);
  });
});

/** The bare rim, to give it what servers do not set. */
async function bareRelay(options: Partial<CircuitRelayOptions> = {}): Promise<number> {
  const relay = new CircuitRelay(
    { key: KEY, maxCircuits: 10, maxCircuitsPerAddress: 10, maxCircuitBytes: 1e9, ...options },
    new EventLog(undefined),
  );
  const listener = createNetServer({ allowHalfOpen: true }, (socket) => {
    socket.once("data", (bytes: Buffer) => {
      relay.take(socket, bytes.subarray(8, 40), bytes.subarray(40));
    });
  });
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  onTestFinished(async () => {
    listener.close();
    await relay.close();
  });
  return (listener.address() as { port: number }).port;
}

describe("who waits for nobody", () => {
  test("is told after its time", async () => {
    const port = await bareRelay({ lonelyMs: 20 });
    const lonely = await CircuitClient.connect(port, freshToken());
    expect(await lonely.rejection()).toBe("timeout: nobody came to the other end of this circuit");
  });

  test("and sends without end is read no further than buffers go", async () => {
    const port = await bareRelay();
    const lonely = await CircuitClient.connect(port, freshToken());
    expect(await writeUntilFull(lonely.socket)).toBeLessThan(ENDLESS_BYTES);
    expect(lonely.bytes.length).toBe(0);
  });
});

test("the Accept comes before the first byte of the other peer", async () => {
  const port = await relayPort();
  const token = freshToken();
  const a = await CircuitClient.connect(port, token, "a".repeat(1_000));
  const b = await CircuitClient.connect(port, token, "b".repeat(1_000));
  await Promise.all([a.said("b".repeat(1_000)), b.said("a".repeat(1_000))]);
  for (const { bytes } of [a, b]) expect(bytes.subarray(0, 8)).toEqual(Buffer.from(encodeAccept()));
});
