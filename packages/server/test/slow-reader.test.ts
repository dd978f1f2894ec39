import { describe, expect, test } from "vitest";
import type { VirtualClient } from "./virtual-client.ts";
import { VirtualServer } from "./virtual-server.ts";

/** A newcomer who gets 100 times 2,000 bytes and has read none of it yet. */
function newcomer(): { server: VirtualServer; reader: VirtualClient } {
  const server = new VirtualServer({ heartbeatIntervalMs: 100_000 });
  for (let i = 0; i < 100; i++) server.join({ name: `c${i}`, bulkBytes: 2_000 });
  server.settle();
  const reader = server.join({ name: "reader" });
  reader.link.stopReading();
  reader.beat();
  server.advance(0);
  return { server, reader };
}

function readFor(ms: number, bytesPerSecond: number, server: VirtualServer, reader: VirtualClient): void {
  for (let passed = 0; passed < ms; passed += 50) {
    reader.link.read(bytesPerSecond / 20);
    server.advance(50);
  }
}

describe("a reply is waiting (spec 5.15.3)", () => {
  test("a reader at 4 KiB/s gets it whole", () => {
    const { server, reader } = newcomer();
    readFor(60_000, 4_100, server, reader);
    expect(reader.link.destroyed).toBe(false);
    expect(reader.replies[0]).toHaveLength(101);
  });

  test("one that takes less is dropped after 10 s, and not before", () => {
    const { server, reader } = newcomer();
    readFor(9_900, 3_000, server, reader);
    expect(reader.link.destroyed).toBe(false);
    readFor(150, 3_000, server, reader);
    expect(reader.link.destroyed).toBe(true);
    expect(server.heart.clients).toBe(100);
  });

  test("one that takes much and then stops is dropped when its surplus is used up", () => {
    const { server, reader } = newcomer();
    readFor(1_000, 124_000, server, reader);
    server.advance(38_900);
    expect(reader.link.destroyed).toBe(false);
    server.advance(150);
    expect(reader.link.destroyed).toBe(true);
  });

  test("one that takes nothing of a short rest is dropped after 10 s", () => {
    const server = new VirtualServer();
    const reader = server.settled({ name: "reader" });
    reader.link.stopReading();
    reader.beat();
    server.advance(9_950);
    expect(reader.link.destroyed).toBe(false);
    server.advance(100);
    expect(reader.link.destroyed).toBe(true);
  });

  test("the others see the dropped one leave", () => {
    const server = new VirtualServer();
    const alice = server.settled({ name: "alice" });
    const reader = server.settled({ name: "reader" });
    reader.link.stopReading();
    reader.beat();
    server.advance(10_050);
    alice.beat();
    server.settle();
    expect(alice.roster).toEqual(["alice"]);
  });
});

describe("a reader is not dropped", () => {
  test("for a reply that waits only a moment, though one waited before it", () => {
    const server = new VirtualServer();
    const reader = server.settled({ name: "reader" });
    reader.link.stopReading();
    reader.beat();
    server.advance(10);
    reader.link.readOn();
    server.advance(9_900);
    reader.link.stopReading();
    reader.beat();
    server.advance(9_900);
    expect(reader.link.destroyed).toBe(false);
    reader.link.readOn();
    expect(reader.replies).toHaveLength(3);
  });

  test("for the end of a reply, though it has taken the bulk of it in one go", () => {
    const { server, reader } = newcomer();
    reader.link.read(150);
    server.advance(5_000);
    // All but the very last slice at once: nothing of it ever waits.
    reader.link.read(201_000);
    expect(reader.link.waitingBytes).toBeGreaterThan(0);
    server.advance(5_100);
    expect(reader.link.destroyed).toBe(false);
  });

  test("for silence while the reply is being written", () => {
    const server = new VirtualServer({ heartbeatIntervalMs: 1_000, historyMs: 60_000 });
    for (let i = 0; i < 30; i++) server.join({ name: `c${i}`, bulkBytes: 2_000, holdMs: 25_000 }).beat();
    server.settle();
    const reader = server.join({ name: "reader" });
    reader.link.stopReading();
    reader.beat();
    readFor(9_000, 5_000, server, reader);
    expect(reader.rejected).toBeUndefined();
    expect(reader.replies).toEqual([]);
    readFor(5_000, 5_000, server, reader);
    expect(reader.replies).toHaveLength(1);
  });
});
