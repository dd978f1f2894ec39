import { createSocket } from "node:dgram";
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import {
  encodeAccept,
  encodeEndOfReply,
  encodeHandshake,
  encodeHeartbeat,
  encodeRequest,
} from "@lekt/protocol";
import { expect, onTestFinished, test } from "vitest";
import { CircuitEnd, MAX_CIRCUIT_BYTES } from "../src/circuit-end.ts";
import { Line, MAX_RECEIVED_BYTES, MAX_WAITING_PACKETS } from "../src/line.ts";
import { MAX_NAMES, PrintedRoster } from "../src/printed-roster.ts";
import { MAX_WAITING_DATAGRAMS, StunSocket } from "../src/stun-socket.ts";
import { MAX_VISIT_BYTES, Visit } from "../src/visit.ts";

const PATIENCE_MS = 20_000;

/** Both ends of one connection; the second one is what we check. */
async function pair<T>(make: (socket: Socket) => T): Promise<{ far: Line; near: T }> {
  const listener = createServer({ allowHalfOpen: true });
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  const accepted = new Promise<T>((resolve) => {
    listener.once("connection", (socket) => {
      onTestFinished(() => void socket.destroy());
      resolve(make(socket));
    });
  });
  const { port } = listener.address() as AddressInfo;
  const far = await Line.open({ host: "127.0.0.1", port, patienceMs: PATIENCE_MS });
  onTestFinished(() => {
    far.close();
    listener.close();
  });
  return { far, near: await accepted };
}

test("so many packets of a server may wait, and not one more", async () => {
  for (const [count, faulted] of [
    [MAX_WAITING_PACKETS, false],
    [MAX_WAITING_PACKETS + 1, true],
  ] as const) {
    const { far, near } = await pair((socket) => socket);
    near.end(Buffer.concat([encodeAccept(), ...Array.from({ length: count - 1 }, () => encodeRequest(1))]));
    await expect.poll(() => far.ended || far.faulted).toBe(true);
    expect(far.faulted).toBe(faulted);
  }
});

test("so many bytes of a server are taken, and not one more", async () => {
  for (const [extra, faulted] of [
    [0, false],
    [1, true],
  ] as const) {
    const { far, near } = await pair((socket) => socket);
    const head = Buffer.concat([encodeAccept(), encodeRequest(0), encodeEndOfReply(0n)]);
    // Behind them a Removed packet that is never whole, as long as there is room for.
    const removed = Buffer.from(encodeEndOfReply(0n));
    removed.set([0x52, 0xff, 0xff, 0xff], 16);
    const rest = Buffer.alloc(MAX_RECEIVED_BYTES - head.length - removed.length + extra, 0);
    near.end(Buffer.concat([head, removed, rest]));
    await expect.poll(() => far.ended || far.faulted).toBe(true);
    expect(far.faulted).toBe(faulted);
  }
});

test("so many bytes of a client are taken, and not one more", async () => {
  const { far, near } = await pair((socket) => new Visit(socket, PATIENCE_MS));
  const handshake = encodeHandshake(0, []);
  const beats = Math.floor((MAX_VISIT_BYTES - handshake.length) / 16);
  far.send(handshake);
  await near.greeted();
  near.begin();
  far.send(Buffer.concat(Array.from({ length: beats }, () => encodeHeartbeat(0n))));
  for (let i = 0; i < beats; i++) await near.heartbeat();
  far.send(encodeHeartbeat(0n));
  await expect(near.heartbeat()).rejects.toThrow(`more than ${MAX_VISIT_BYTES} bytes`);
});

test("so many bytes of a circuit wait to be read, and with one more it is cut", async () => {
  for (const [extra, isCut] of [
    [0, false],
    [1, true],
  ] as const) {
    const { far, near } = await pair((socket) => new CircuitEnd(socket, PATIENCE_MS, new Uint8Array(32)));
    far.send(encodeAccept(), new Uint8Array(MAX_CIRCUIT_BYTES - 8 + extra));
    await expect.poll(() => near.evidence.received).toContain(`(${MAX_CIRCUIT_BYTES + extra - 48} bytes)`);
    expect(near.socket.destroyed).toBe(isCut);
  }
});

test("so many datagrams wait to be read, and what comes then is lost", async () => {
  const sender = createSocket("udp4");
  sender.bind(0, "127.0.0.1");
  await once(sender, "listening");
  onTestFinished(() => void sender.close());
  const to = { host: "127.0.0.1", port: sender.address().port, isIpv6: false };
  const socket = await StunSocket.open(to, PATIENCE_MS);
  onTestFinished(() => socket.close());
  const send = (count: number) => {
    for (let i = 0; i < count; i++) sender.send(Uint8Array.of(i), socket.port, "127.0.0.1");
  };
  send(MAX_WAITING_DATAGRAMS - 1);
  await expect.poll(() => socket.waiting).toBe(MAX_WAITING_DATAGRAMS - 1);
  send(2);
  await expect.poll(() => socket.waiting).toBe(MAX_WAITING_DATAGRAMS);
  // Whose turn it was is read, and there is room for one that comes now; the one too many is not there.
  const [first] = await Promise.all([socket.ask(Uint8Array.of(0)), once(sender, "message")]);
  expect(first).toEqual(Buffer.of(0));
  expect(socket.waiting).toBe(MAX_WAITING_DATAGRAMS - 1);
});

test("so many names that a program prints are kept, and not one more", () => {
  const roster = new PrintedRoster();
  const joined = () => roster.read('{"event":"joined","peer":{"name":"a"}}');
  for (let i = 0; i < MAX_NAMES; i++) joined();
  expect(roster.names.length).toBe(2 * MAX_NAMES - 1);
  joined();
  expect(roster.names.length).toBe(2 * MAX_NAMES - 1);
});

test("lines that a program prints and that are no events are passed over", () => {
  const roster = new PrintedRoster();
  for (const line of [
    "",
    "hello",
    "7",
    "null",
    "[]",
    '{"event":7}',
    '{"event":"online","peers":7}',
    '{"event":"left","peer":7}',
  ]) {
    roster.read(line);
  }
  expect(roster.names).toBe("");
});
