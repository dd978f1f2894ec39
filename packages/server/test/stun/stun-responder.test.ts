import { randomBytes } from "node:crypto";
import { createSocket, Socket } from "node:dgram";
import { once } from "node:events";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import {
  decodeBindingResponse,
  decodeServerInfo,
  encodeBindingRequest,
  METHOD,
  payloadOf,
} from "@lekt/protocol";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { createServer } from "../../src/create-server.ts";
import type { ServerOptions } from "../../src/options.ts";
import { listening } from "../listening-server.ts";
import { RawClient } from "../raw-client.ts";

async function udpSocket(host = "127.0.0.1"): Promise<Socket> {
  const socket = createSocket(host.includes(":") ? "udp6" : "udp4");
  onTestFinished(async () => {
    socket.close();
  });
  socket.bind(0, host);
  await once(socket, "listening");
  return socket;
}

/** Asks until there is an answer: a datagram may be lost also on one machine. */
async function ask(socket: Socket, port: number, host = "127.0.0.1"): Promise<Uint8Array> {
  const again = setInterval(() => send(), 200);
  const send = () => socket.send(encodeBindingRequest(randomBytes(12)), port, host);
  send();
  const [answer] = (await once(socket, "message")) as [Uint8Array];
  clearInterval(again);
  return answer;
}

/** What a client is told of relay and STUN. */
async function toldServices(options: ServerOptions) {
  const { server, port } = await listening(options);
  const client = await (await RawClient.connect(port)).introduce({ server: true });
  await client.beat();
  const words = client.packets.flatMap((packet) =>
    packet.type === "client" && packet.object.ip === 0 ? [payloadOf(packet.object, METHOD.server)] : [],
  );
  const info = decodeServerInfo(words[0] ?? new Uint8Array(0));
  return { port, stunPorts: server.stunPorts, relay: info?.relay, stun: info?.stun };
}

/** A UDP socket on a number that is free for TCP. */
async function udpWhereTcpIsFree(): Promise<Socket> {
  for (;;) {
    const tcp = createTcpServer().listen(0, "127.0.0.1");
    await once(tcp, "listening");
    const { port } = tcp.address() as AddressInfo;
    const udp = createSocket("udp4");
    const isBound = await new Promise<boolean>((resolve) => {
      udp.once("error", () => resolve(false));
      udp.bind(port, "127.0.0.1", () => resolve(true));
    });
    tcp.close();
    await once(tcp, "close");
    if (isBound) return udp;
  }
}

describe("a server", () => {
  test("tells by UDP, on its port and a second one, where a request comes from", async () => {
    const { server, port } = await listening();
    const socket = await udpSocket();
    expect(server.stunPorts).toEqual([port, expect.any(Number)]);
    expect(server.stunPorts[1]).not.toBe(port);
    for (const stunPort of server.stunPorts) {
      const response = decodeBindingResponse(await ask(socket, stunPort));
      expect(response?.mapped).toEqual({ address: "127.0.0.1", port: socket.address().port });
    }
  });

  test("does so over IPv6 and IPv4 where it listens for both", async () => {
    const server = createServer({ port: 0 });
    onTestFinished(() => server.close());
    await server.listen();
    for (const host of ["127.0.0.1", "::1"]) {
      const socket = await udpSocket(host);
      const response = decodeBindingResponse(await ask(socket, server.stunPorts[0] ?? 0, host));
      expect(response?.mapped).toEqual({ address: host, port: socket.address().port });
    }
  });

  test("answers so many of an address in a second, and nothing that is no request", async () => {
    const { port } = await listening({ stunRequestsPerSecond: 3 });
    const socket = await udpSocket();
    const answers: Uint8Array[] = [];
    socket.on("message", (bytes) => answers.push(bytes));
    for (let i = 0; i < 20; i++) socket.send(encodeBindingRequest(randomBytes(12)), port, "127.0.0.1");
    // A new second has room again; by its answer all before it are through.
    const before = answers.length;
    await expect.poll(() => answers.length).toBeGreaterThan(before);
    await ask(socket, port);
    expect(answers.length).toBeLessThan(12);
    const silent = await udpSocket();
    let heard = 0;
    silent.on("message", () => heard++);
    for (const datagram of [randomBytes(20), Buffer.from("LEKT"), Buffer.alloc(0)]) {
      silent.send(datagram, port, "127.0.0.1");
    }
    await ask(silent, port);
    expect(heard).toBe(1);
  });

  test("answers nothing while more than 64 KiB of answers wait for a slow line", async () => {
    const { port } = await listening();
    const waiting = vi.spyOn(Socket.prototype, "getSendQueueSize").mockReturnValue(65_537);
    onTestFinished(() => waiting.mockRestore());
    const socket = await udpSocket();
    let heard = 0;
    socket.on("message", () => heard++);
    await expect
      .poll(() => {
        socket.send(encodeBindingRequest(randomBytes(12)), port, "127.0.0.1");
        return waiting.mock.calls.length;
      })
      .toBeGreaterThan(2);
    expect(heard).toBe(0);
    waiting.mockReturnValue(65_536);
    await ask(socket, port);
  });

  test("has the port after its own as the second one, or any where that is taken", async () => {
    const taken = await udpSocket();
    const number = taken.address().port;
    const server = createServer({ host: "127.0.0.1", port: number - 1 });
    onTestFinished(() => server.close());
    const listened = await server.listen().then(
      () => true,
      () => false,
    );
    // The port before may be another program's.
    if (listened) expect(server.stunPorts[1]).not.toBe(number);
  });

  test("has the second port that it is told", async () => {
    const free = createSocket("udp4");
    free.bind(0, "127.0.0.1");
    await once(free, "listening");
    const secondStunPort = free.address().port;
    await new Promise<void>((resolve) => {
      free.close(resolve);
    });
    const { server } = await listening({ secondStunPort });
    expect(server.stunPorts[1]).toBe(secondStunPort);
  });

  test("does not listen where UDP on its number is another's, and may try again", async () => {
    const taken = await udpWhereTcpIsFree();
    const { port } = taken.address();
    const server = createServer({ host: "127.0.0.1", port });
    onTestFinished(() => server.close());
    await expect(server.listen()).rejects.toMatchObject({
      code: "LEKT_ADDRESS_IN_USE",
      message: expect.stringContaining(`UDP port ${port}`),
    });
    expect(server.address).toBeUndefined();
    expect(server.stunPorts).toEqual([]);
    await new Promise<void>((resolve) => {
      taken.close(resolve);
    });
    await server.listen();
    expect(server.stunPorts[0]).toBe(port);
  });

  test("answers nothing where it is told so, and when it is closed", async () => {
    const { server } = await listening({ stun: false });
    expect(server.stunPorts).toEqual([]);
    const { server: other } = await listening();
    await other.close();
    expect(other.stunPorts).toEqual([]);
  });
});

describe("a client is told", () => {
  test("the address at which it reached the server", async () => {
    const { port, relay, stun, stunPorts } = await toldServices({});
    expect(relay).toBe(`127.0.0.1:${port}`);
    expect(stun).toEqual(stunPorts.map((stunPort) => `127.0.0.1:${stunPort}`));
  });

  test("the public host, where there is one", async () => {
    const { port, relay, stun } = await toldServices({ publicHost: "2001:db8::1", secondStunPort: 0 });
    expect(relay).toBe(`[2001:db8::1]:${port}`);
    expect(stun?.[0]).toBe(`[2001:db8::1]:${port}`);
    expect((await toldServices({ publicHost: "lekt.example.org" })).relay).toMatch(
      /^lekt\.example\.org:\d+$/,
    );
  });

  test("of a relay elsewhere", async () => {
    const relayAddress = "relay.example.org:4000";
    expect((await toldServices({ relayAddress, relayKey: randomBytes(32) })).relay).toBe(relayAddress);
  });

  test("of none where there is none", async () => {
    expect(await toldServices({ relay: false, stun: false })).toMatchObject({ relay: null, stun: [] });
  });
});
