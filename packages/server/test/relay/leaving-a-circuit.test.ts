import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { setImmediate as nextTurn } from "node:timers/promises";
import { encodeAccept } from "@lekt/protocol";
import { expect, onTestFinished, test, vi } from "vitest";
import { EventLog } from "../../src/event-log.ts";
import { CircuitRelay } from "../../src/relay/circuit-relay.ts";
import { mintCircuitToken } from "../../src/relay/circuit-token.ts";
import { MemorySocket } from "./memory-socket.ts";

const KEY = randomBytes(32);
const ACCEPT = Buffer.from(encodeAccept()).toString("latin1");
const NOTHING = new Uint8Array(0);

/** The relay's sides of a circuit's two connections. */
async function pair(): Promise<{ relay: CircuitRelay; a: MemorySocket; b: MemorySocket }> {
  const relay = new CircuitRelay(
    { key: KEY, maxCircuits: 1, maxCircuitsPerAddress: 2, maxCircuitBytes: 1e9 },
    new EventLog(undefined),
  );
  onTestFinished(() => relay.close());
  const token = mintCircuitToken(KEY, Math.floor(Date.now() / 1_000) + 60, randomBytes(12));
  const [a, b] = [new MemorySocket(), new MemorySocket()];
  for (const { asSocket } of [a, b]) relay.take(asSocket, token, NOTHING);
  await nextTurn();
  expect([a.text, b.text]).toEqual([ACCEPT, ACCEPT]);
  return { relay, a, b };
}

/** What a side sends, its end, and its leave: the relay has seen them all. */
async function sayAndLeave(side: MemorySocket, text: string): Promise<void> {
  side.push(text);
  side.push(null);
  await once(side, "end");
  side.destroy();
  await once(side, "close");
}

test("who leaves after its end: what it sent reaches the other one, however late that reads", async () => {
  const { relay, a, b } = await pair();
  b.stopReading();
  await sayAndLeave(a, "all of it");
  await nextTurn();
  expect([b.unread, b.destroyed]).toEqual(["all of it", false]);
  b.readOn();
  await once(b, "finish");
  expect(b.text).toBe(`${ACCEPT}all of it`);
  b.push(null);
  await once(b, "close");
  expect(b.wasReset).toBe(false);
  expect(relay.connections).toBe(0);
});

test("what the other one sends then is read and thrown away, or TCP would lose what is on its way to it", async () => {
  const { a, b } = await pair();
  a.stopReading();
  const unread = Buffer.alloc(b.readableHighWaterMark, "y");
  for (let i = 0; i < 4; i++) b.push(unread);
  await nextTurn();
  expect(b.readableLength).toBeGreaterThan(0);
  await sayAndLeave(a, "all of it");
  b.push("and more");
  b.push(null);
  await once(b, "close");
  expect([b.text, b.readableLength, b.wasReset]).toEqual([`${ACCEPT}all of it`, 0, false]);
});

test("who is left and ends nothing sees the break after ten seconds", async () => {
  const { relay, a, b } = await pair();
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  onTestFinished(() => void vi.useRealTimers());
  await sayAndLeave(a, "all of it");
  await nextTurn();
  vi.advanceTimersByTime(9_999);
  expect(b.destroyed).toBe(false);
  vi.advanceTimersByTime(1);
  await once(b, "close");
  expect(relay.connections).toBe(0);
});

test("a circuit that ended in order leaves no timer behind", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  onTestFinished(() => void vi.useRealTimers());
  const { relay, a, b } = await pair();
  for (const side of [a, b]) side.push(null);
  await Promise.all([once(a, "close"), once(b, "close")]);
  relay.close();
  expect(vi.getTimerCount()).toBe(0);
});

test("who leaves before its end breaks the other one", async () => {
  const { relay, a, b } = await pair();
  a.push("half of");
  await nextTurn();
  a.destroy();
  await once(b, "close");
  expect([b.text, b.wasReset]).toEqual([`${ACCEPT}half of`, true]);
  expect(relay.connections).toBe(0);
});
