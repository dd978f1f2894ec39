import { PACKET_TARGET_BYTES } from "@lekt/protocol";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { VirtualClient } from "./virtual-client.ts";
import { VirtualServer } from "./virtual-server.ts";

/** A network with so many clients that each show 2,000 bytes. */
function bigNetwork(count: number, options = {}): VirtualServer {
  const server = new VirtualServer(options);
  for (let i = 0; i < count; i++) server.join({ name: `c${i}`, bulkBytes: 2_000 });
  server.settle();
  return server;
}

/** A newcomer whose reader takes nothing of the first reply yet. */
function stalledNewcomer(server: VirtualServer): VirtualClient {
  const reader = server.join({ name: "reader" });
  reader.link.stopReading();
  reader.beat();
  server.settle();
  return reader;
}

describe("several heartbeats at once", () => {
  test("get a reply each, in order (spec 5.14)", () => {
    const server = new VirtualServer();
    const alice = server.join({ name: "alice" });
    for (let i = 0; i < 5; i++) alice.beat();
    server.settle();
    expect(alice.replies).toEqual([["+alice"], [], [], [], []]);
  });

  test("get them also where the reader blocks between and within replies", () => {
    const server = bigNetwork(40);
    const reader = stalledNewcomer(server);
    reader.beat();
    reader.beat();
    while (reader.link.waitingBytes > 0) reader.link.read(7_000);
    expect(reader.replies.map((reply) => reply.length)).toEqual([41, 0, 0]);
  });

  test("get all of them but the last one at once where the client holds", () => {
    const server = new VirtualServer();
    const alice = server.join({ name: "alice", holdMs: 25_000 });
    for (let i = 0; i < 4; i++) alice.beat();
    server.settle();
    expect(alice.replies).toEqual([["+alice"], [], []]);
    server.advance(25_000);
    expect(alice.replies).toHaveLength(4);
  });
});

describe("a reply whose reader blocks", () => {
  test("is handed over piece by piece, no more than a slice at a time", () => {
    const server = bigNetwork(200);
    const reader = stalledNewcomer(server);
    let most = 0;
    while (reader.link.waitingBytes > 0) {
      most = Math.max(most, reader.link.waitingBytes);
      reader.link.read(1_000);
    }
    expect(most).toBeLessThanOrEqual(PACKET_TARGET_BYTES);
    expect(reader.replies).toHaveLength(1);
    expect(reader.roster).toHaveLength(201);
  });

  test("has what changed meanwhile in it, and ends once", () => {
    const server = bigNetwork(60);
    const reader = stalledNewcomer(server);
    reader.link.read(50_000);
    const late = server.join({ name: "late" });
    server.settle();
    server.join({ name: "later" });
    late.close();
    server.settle();
    expect(reader.replies).toEqual([]);
    reader.link.readOn();
    expect(reader.replies).toHaveLength(1);
    expect(reader.roster).toContain("later");
    expect(reader.roster).not.toContain("late");
    expect(reader.roster).toHaveLength(62);
    reader.beat();
    expect(reader.lastReply).toEqual([]);
  });

  test("that is the news of many changes comes in order, too", () => {
    const server = new VirtualServer();
    const alice = server.settled({ name: "alice" });
    for (let i = 0; i < 50; i++) {
      server.join({ name: `c${i}`, bulkBytes: 2_000 });
      server.settle();
    }
    alice.link.stopReading();
    alice.beat();
    while (alice.link.waitingBytes > 0) alice.link.read(9_999);
    expect(alice.replies).toHaveLength(2);
    expect(alice.lastReply).toEqual(Array.from({ length: 50 }, (_, i) => `+c${i}`));
  });

  test("does not reach who left meanwhile", () => {
    const server = bigNetwork(40);
    const reader = stalledNewcomer(server);
    const writes = reader.link.writes.length;
    reader.halfClose();
    reader.link.readOn();
    expect(reader.link.writes).toHaveLength(writes);
  });
});

describe("who falls behind the past that is kept (spec 5.16)", () => {
  test("by size gets a Reject at the next heartbeat, and others do not", () => {
    const server = new VirtualServer({ historyBytes: 40_000 });
    const [alice, bob] = [server.settled({ name: "alice" }), server.settled({ name: "bob" })];
    for (let i = 0; i < 60; i++) {
      server.join({ name: `c${i}`, bulkBytes: 2_000 });
      server.settle();
      bob.beat();
    }
    alice.beat();
    expect(alice.rejected?.word).toBe("timeout");
    expect(bob.rejected).toBeUndefined();
    expect(bob.roster).toHaveLength(62);
  });

  test.each([
    { agoMs: 4_000, rejected: undefined },
    { agoMs: 6_000, rejected: "timeout" },
  ])("by time: $agoMs ms of 5,000", ({ agoMs, rejected }) => {
    const server = new VirtualServer({ historyMs: 5_000 });
    const alice = server.settled({ name: "alice" });
    for (let i = 0; i < 20; i++) server.join({ name: `old${i}`, bulkBytes: 2_000 });
    server.advance(agoMs);
    for (let i = 0; i < 20; i++) server.join({ name: `new${i}`, bulkBytes: 2_000 });
    server.settle();
    alice.beat();
    expect(alice.rejected?.word).toBe(rejected);
  });

  test.each([
    ["by size, before the log is reached", { historyBytes: 40_000 }, 0],
    ["by time, though nothing was forgotten", { historyMs: 30_000 }, 31_000],
  ])("while a snapshot is being read, which would stay in memory: %s", (_, options, byMs) => {
    const server = bigNetwork(40, options);
    const reader = stalledNewcomer(server);
    for (let i = 0; i < 60; i++) {
      server.join({ name: `late${i}`, bulkBytes: "historyBytes" in options ? 2_000 : 0 });
      server.settle();
    }
    for (let passed = 0; passed < byMs; passed += 1_000) {
      reader.link.read(1_000);
      server.nowMs += 1_000;
    }
    const before = reader.link.packets.length;
    reader.link.read(40_000);
    reader.link.readOn();
    expect(reader.rejected?.word).toBe("timeout");
    // One slice was on its way; nothing more of the snapshot follows.
    expect(reader.link.packets.length - before).toBeLessThan(40);
  });

  test("while the reply is being read gets a Reject behind whole packets", () => {
    const server = bigNetwork(40, { historyBytes: 40_000 });
    const reader = stalledNewcomer(server);
    for (let i = 0; i < 60; i++) {
      server.join({ name: `late${i}`, bulkBytes: 2_000 });
      server.settle();
    }
    reader.link.readOn();
    expect(reader.rejected?.word).toBe("timeout");
    expect(reader.link.insidePacket).toBe(false);
    expect(reader.replies).toEqual([]);
  });
});

test("a Reject never comes inside a packet, wherever the reader stands (spec 6.2)", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 40_000 }), { maxLength: 8 }), fc.nat(3), (pieces, at) => {
      const server = bigNetwork(60);
      const reader = stalledNewcomer(server);
      reader.beat();
      for (const [i, bytes] of pieces.entries()) {
        if (i === at) server.join({ name: "late", bulkBytes: 1_000 });
        server.settle();
        reader.link.read(bytes);
      }
      server.heart.stop();
      // The link's decoder throws where packets are torn, the link itself where something follows the end.
      reader.link.readOn();
      expect(reader.rejected?.word).toBe("shutdown");
      expect(reader.link.insidePacket).toBe(false);
    }),
    { numRuns: 40 },
  );
});
