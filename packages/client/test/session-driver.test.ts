import {
  encodeAccept,
  encodeClientObject,
  encodeEndOfReply,
  encodeRequest,
  encodeSignal,
  encodeUpdates,
  METHOD,
  type RosterChange,
  RosterView,
} from "@lekt/protocol";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { ConnectionEnd } from "../src/reconnect-policy.ts";
import { SessionDriver } from "../src/session-driver.ts";
import { FakeStream } from "./fake-stream.ts";
import { named } from "./roster-objects.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function added(...names: readonly string[]): Uint8Array {
  let packet = new Uint8Array(0);
  const objects = names.map((name) => encodeClientObject(named(name)));
  encodeUpdates("added", objects, 0n, (bytes) => {
    packet = new Uint8Array(bytes);
    return packet;
  });
  return packet;
}

function drive(view = new RosterView({ staleGraceMs: 3_000 })) {
  const stream = new FakeStream();
  const changes: RosterChange[] = [];
  const ends: ConnectionEnd[] = [];
  const signals: [from: Uint8Array, payload: Uint8Array][] = [];
  const offers = new Map([
    [METHOD.name, Uint8Array.of(65)],
    [METHOD.data, Uint8Array.of(1)],
    [METHOD.identity, new Uint8Array(32).fill(1)],
    [METHOD.signal, new Uint8Array(0)],
  ]);
  const options = { offers, view, heartbeatIntervalMs: 10_000, setupTimeoutMs: 5_000, host: "host", port: 1 };
  const driver = new SessionDriver(options, stream, {
    onReady: () => {},
    onServerInfo: () => {},
    onSignal: (from, payload) => signals.push([from, payload]),
    onChanges: (more) => changes.push(...more),
  });
  void driver.ended.then((end) => ends.push(end));
  const online = (...names: readonly string[]) =>
    stream.receive(encodeAccept(), encodeRequest(0), added(...names), encodeEndOfReply(0n));
  return {
    driver,
    stream,
    view,
    ends,
    signals,
    online,
    types: () => changes.splice(0).map(({ type }) => type),
  };
}

describe("one connection", () => {
  test("answers that are due together are written together", () => {
    const { stream } = drive();
    expect(stream.written).toHaveLength(1);
    stream.receive(encodeAccept(), encodeRequest(METHOD.name), encodeRequest(METHOD.data), encodeRequest(0));
    expect(stream.written).toHaveLength(2);
  });

  test("one timer, which rings for the session and for stale peers", async () => {
    const view = new RosterView({ staleGraceMs: 3_000 });
    const first = drive(view);
    first.online("ann", "bob");
    expect(first.types()).toEqual(["joined", "joined"]);
    expect(vi.getTimerCount()).toBe(1);
    first.stream.receiveEnd();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(first.ends).toMatchObject([{ error: { code: "LEKT_CONNECTION_LOST" }, broughtRoster: true }]);
    expect(vi.getTimerCount()).toBe(0);

    const second = drive(view);
    await vi.advanceTimersByTimeAsync(4_000);
    expect(second.types()).toEqual([]);
    second.online("ann");
    expect(second.types()).toEqual(["stale"]);
    expect(vi.getTimerCount()).toBe(1);
    await vi.advanceTimersByTimeAsync(2_990);
    expect(second.types()).toEqual([]);
    await vi.advanceTimersByTimeAsync(20);
    expect(second.types()).toEqual(["left"]);
    const { written } = second.stream;
    expect(written).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(7_010);
    expect(written).toHaveLength(3);
  });

  test("signals go out and come in while it stands, where the server knows them", () => {
    const peer = new Uint8Array(32).fill(2);
    const { driver, stream, signals } = drive();
    expect(driver.signal(peer, Uint8Array.of(7))).toBe(false);
    const asked = [METHOD.identity, METHOD.signal].map((method) => encodeRequest(method));
    stream.receive(encodeAccept(), ...asked, encodeRequest(0));
    expect(driver.signal(peer, Uint8Array.of(7))).toBe(true);
    expect(stream.written.at(-1)).toEqual(encodeSignal(peer, Uint8Array.of(7)));
    stream.receive(encodeSignal(peer, Uint8Array.of(8)), encodeSignal(peer, new Uint8Array(0)));
    expect(signals).toEqual([
      [peer, Uint8Array.of(8)],
      [peer, new Uint8Array(0)],
    ]);
    driver.stop();
    expect(driver.signal(peer, Uint8Array.of(7))).toBe(false);
    const without = drive();
    without.online("ann");
    expect(without.driver.signal(peer, Uint8Array.of(7))).toBe(false);
  });

  test("the setup takes too long", async () => {
    const { stream, ends } = drive();
    await vi.advanceTimersByTimeAsync(5_001);
    expect(stream.destroyed).toBe(true);
    expect(ends).toMatchObject([{ error: { code: "LEKT_TIMEOUT" }, broughtRoster: false }]);
    expect(vi.getTimerCount()).toBe(0);
  });

  test("drain waits two seconds for the server's end", async () => {
    const { driver, stream, ends, online, types } = drive();
    online("ann");
    types();
    driver.drain();
    driver.drain();
    expect([stream.ended, stream.destroyed]).toEqual([true, false]);
    stream.receive(added("bob"), encodeEndOfReply(0n));
    expect(types()).toEqual([]);
    await vi.advanceTimersByTimeAsync(1_990);
    expect(stream.destroyed).toBe(false);
    await vi.advanceTimersByTimeAsync(20);
    expect(stream.destroyed).toBe(true);
    expect(ends).toHaveLength(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  test("drain ends with the server's end", async () => {
    const { driver, stream, ends, online } = drive();
    online("ann");
    driver.drain();
    stream.receiveEnd();
    await vi.advanceTimersByTimeAsync(0);
    expect([stream.destroyed, ends.length, vi.getTimerCount()]).toEqual([true, 1, 0]);
  });
});
