import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { expect, onTestFinished, test } from "vitest";
import { EventLog } from "../../src/event-log.ts";
import { CircuitRelay } from "../../src/relay/circuit-relay.ts";
import { MemorySocket } from "./memory-socket.ts";

const REFUSED_AT_ONCE = 32;

test("so many are told at once why they are refused and no more: they linger on descriptors of nobody's limit", async () => {
  const relay = new CircuitRelay(
    { key: randomBytes(32), maxCircuits: 1, maxCircuitsPerAddress: 1, maxCircuitBytes: 1 },
    new EventLog(undefined),
  );
  onTestFinished(() => relay.close());
  /** With a token that nobody has given, and an other side that does not close. */
  const arrive = () => {
    const socket = new MemorySocket();
    relay.take(socket.asSocket, randomBytes(32), new Uint8Array(0));
    return socket;
  };
  const told = Array.from({ length: REFUSED_AT_ONCE }, arrive);
  const cut = arrive();
  expect(told.filter(({ text, destroyed }) => !destroyed && text.includes("auth: "))).toEqual(told);
  expect([cut.text, cut.destroyed]).toEqual(["", true]);
  told[0]?.push(null);
  await once(told[0] as MemorySocket, "close");
  expect(arrive().text).toContain("auth: ");
});
