import { type AddressInfo, createServer, type Socket } from "node:net";
import {
  encodeAccept,
  encodeEndOfReply,
  encodeHandshake,
  encodeHeartbeat,
  encodeRequest,
} from "@lekt/protocol";
import { expect, onTestFinished, test } from "vitest";
import { Line, MAX_RECEIVED_BYTES, MAX_WAITING_PACKETS } from "../src/line.ts";
import { MAX_NAMES, PrintedRoster } from "../src/printed-roster.ts";
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
