import { encodeHeartbeat, RosterMember, UpdateLog } from "@lekt/protocol";
import { afterEach, describe, expect, test, vi } from "vitest";
import type { Person } from "./person.ts";
import type { VirtualClient } from "./virtual-client.ts";
import { VirtualServer } from "./virtual-server.ts";

// What is counted here does not depend on how fast the machine is: a regression of the server's speed shows
// as more work for each change, reply or heartbeat.

afterEach(() => vi.restoreAllMocks());

const ROOMY = { maxClientsPerAddress: 10_000, maxConnectionsPerSecond: 10_000 };
const END_OF_REPLY_BYTES = 20;
const UPDATE_HEAD_BYTES = 20;
const HEARTBEAT = encodeHeartbeat(1_700_000_000n);

/** Watchers that have the roster; their heartbeats are held. */
function watchers(server: VirtualServer, count: number, person: Person = {}): VirtualClient[] {
  const clients = Array.from({ length: count }, () =>
    server.join({ ...person, watch: true, holdMs: 25_000 }),
  );
  for (let beats = 0; beats < 2; beats++) {
    for (const client of clients) client.beat();
    server.settle();
  }
  return clients;
}

describe("one change", () => {
  /** Bytes and packets that one newcomer puts into logs, and how often its object is encoded. */
  function work(
    readers: number,
    person: Person,
  ): { packets: number; bytes: number; sessionsInserted: number } {
    const server = new VirtualServer(ROOMY);
    watchers(server, readers, person);
    const append = vi.spyOn(UpdateLog.prototype, "append");
    const withSession = vi.spyOn(RosterMember.prototype, "withSession");
    server.join({ name: "news" });
    server.settle();
    const packets = append.mock.calls.length;
    const bytes = append.mock.calls.reduce((sum, [size]) => sum + size, 0);
    const sessionsInserted = withSession.mock.calls.length;
    vi.restoreAllMocks();
    return { packets, bytes, sessionsInserted };
  }
  const object = 4 + 4 + 8 + "news".length;

  test("is encoded once for 10 readers and for 1,000", () => {
    const once = { packets: 1, bytes: UPDATE_HEAD_BYTES + object, sessionsInserted: 0 };
    expect(work(10, {})).toEqual(once);
    expect(work(1_000, {})).toEqual(once);
  });

  test("is encoded once more where somebody wants sessions", () => {
    const server = new VirtualServer(ROOMY);
    watchers(server, 100);
    watchers(server, 100, { session: true });
    const append = vi.spyOn(UpdateLog.prototype, "append");
    server.join({ name: "news" });
    server.settle();
    const sizes = append.mock.calls.map(([size]) => size);
    expect(sizes).toEqual([UPDATE_HEAD_BYTES + object, UPDATE_HEAD_BYTES + object + 16]);
  });
});

describe("one reply", () => {
  /** What the next reply costs a client: writes, buffers and bytes. */
  function costOf(
    client: VirtualClient,
    act: () => void,
  ): { writes: number; buffers: number; bytes: number } {
    const { writes } = client.link;
    const before = writes.length;
    act();
    const parts = writes.slice(before).flat();
    const bytes = parts.reduce((sum, part) => sum + part.length, 0);
    return { writes: writes.length - before, buffers: parts.length, bytes };
  }

  test("without news is one write of 20 bytes", () => {
    const server = new VirtualServer();
    const client = server.settled({ name: "a" });
    client.beat();
    server.settle();
    expect(costOf(client, () => client.beat())).toEqual({ writes: 1, buffers: 1, bytes: END_OF_REPLY_BYTES });
  });

  test("with news is one write, and has not a byte more than the news", () => {
    const server = new VirtualServer(ROOMY);
    const [client] = watchers(server, 100);
    const cost = costOf(client as VirtualClient, () => {
      for (let i = 0; i < 10; i++) server.join({ name: `peer${i}` });
      server.settle();
    });
    const bytes = UPDATE_HEAD_BYTES + 10 * (4 + 4 + 8 + 5) + END_OF_REPLY_BYTES;
    expect(cost).toEqual({ writes: 1, buffers: 1, bytes });
  });

  test("for a newcomer is a write for each 32 KiB, and has little more than the objects", () => {
    const server = new VirtualServer(ROOMY);
    for (let i = 0; i < 1_000; i++) server.join({ name: "x".repeat(40) });
    server.settle();
    const newcomer = server.join({ watch: true });
    const cost = costOf(newcomer, () => newcomer.beat());
    const objects = 1_000 * (4 + 4 + 8 + 40);
    const pages = Math.ceil(objects / (32_768 - UPDATE_HEAD_BYTES - 56));
    expect(cost.bytes).toBe(objects + pages * UPDATE_HEAD_BYTES + END_OF_REPLY_BYTES);
    expect(cost.writes).toBeLessThanOrEqual(pages + 1);
  });
});

describe("one heartbeat", () => {
  test("without news allocates no more than 100 bytes", async () => {
    const server = new VirtualServer({ heartbeatsPerSecond: 0 });
    const { visitor } = server.settled({ name: "a" });
    if (!visitor) throw new Error("nobody is there");
    // The link of the tests would keep what it is given.
    visitor.link.write = () => true;
    const heapBytesOf = (beats: number) => {
      const before = process.memoryUsage().heapUsed;
      for (let i = 0; i < beats; i++) server.heart.receive(visitor, HEARTBEAT, 0);
      return process.memoryUsage().heapUsed - before;
    };
    // A collection between the two readings makes a figure small or negative: the median tells.
    const medianBytes = () => {
      const figures = Array.from({ length: 31 }, () => heapBytesOf(1_000) / 1_000);
      return figures.sort((a, b) => a - b)[15] as number;
    };
    // Code that is not optimized yet allocates more, and on a busy machine it is optimized late.
    await expect.poll(medianBytes).toBeLessThan(100);
    expect(medianBytes()).toBeGreaterThan(0);
  });
});
