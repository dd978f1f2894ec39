import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, test } from "vitest";
import type { VirtualClient } from "./virtual-client.ts";
import { VirtualServer } from "./virtual-server.ts";

/** One client for each way to be there when the end comes. */
function everyKind(server: VirtualServer): VirtualClient[] {
  const fresh = server.connect();
  const joined = server.join({ name: "joined", network: "a" });
  const settled = server.settled({ name: "settled", network: "a" });
  const watcher = server.settled({ watch: true, network: "a" });
  const held = server.settled({ name: "held", network: "b", holdMs: 25_000 });
  held.beat();
  const paced = server.settled({ name: "paced", network: "c", holdMs: 25_000 });
  const stalled = server.join({ name: "stalled", network: "c" });
  stalled.link.stopReading();
  stalled.beat();
  const refused = server.connect();
  refused.send(Uint8Array.of(0));
  server.settle();
  return [fresh, joined, settled, watcher, held, paced, stalled, refused];
}

describe("when everybody has left", () => {
  test.each<[string, (client: VirtualClient) => void]>([
    ["by closing", (client) => client.close()],
    [
      "by half a close and then the other half",
      (client) => {
        client.halfClose();
        client.close();
      },
    ],
  ])("%s, nothing is left of them", (_, leave) => {
    const server = new VirtualServer();
    const clients = everyKind(server);
    expect(server.heart).toMatchObject({ clients: 6, networks: 3, connections: 8 });
    for (const client of clients) leave(client);
    expect(server.heart).toMatchObject({ clients: 0, networks: 0, connections: 0 });
    for (const { visitor } of clients) expect(visitor?.wheelSlot).toBe(0);
    server.advance(60_000);
    for (const { visitor, link } of clients) {
      expect(visitor?.wheelSlot).toBe(0);
      expect(link.destroyed).toBe(false);
    }
    expect(server.heart.nextTickMs).toBe(Number.POSITIVE_INFINITY);
  });

  test("by half a close and does not read what waits for it, it is gone after 10 s", () => {
    const server = new VirtualServer();
    const clients = everyKind(server);
    for (const client of clients) client.halfClose();
    expect(server.heart).toMatchObject({ clients: 0, networks: 0, connections: 1 });
    server.advance(10_050);
    expect(server.heart.connections).toBe(0);
  });

  test("and the last reader takes up its reading, nothing comes back to life", () => {
    const server = new VirtualServer();
    const clients = everyKind(server);
    for (const client of clients) client.close();
    for (const { link } of clients) link.readOn();
    for (const { visitor } of clients) expect(visitor?.wheelSlot).toBe(0);
  });
});

test("a network that became empty begins anew, and so do its clients", () => {
  const server = new VirtualServer();
  server.settled({ name: "alice", network: "n" }).close();
  const bob = server.settled({ name: "bob", network: "n" });
  expect(bob.replies).toEqual([["+bob"]]);
  expect(server.heart.networks).toBe(1);
});

test("a network that only watchers are in is there", () => {
  const server = new VirtualServer();
  const alice = server.settled({ name: "alice" });
  const watcher = server.settled({ watch: true });
  alice.close();
  server.settle();
  expect(server.heart.networks).toBe(1);
  watcher.beat();
  server.settle();
  expect(watcher.roster).toEqual([]);
  watcher.close();
  expect(server.heart.networks).toBe(0);
});

test("the memory of those who left is free", async () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const server = new VirtualServer();
  const stays = server.settled({ name: "stays", holdMs: 25_000 });
  const comeAndGo = () => {
    const clients = [...everyKind(server), server.settled({ name: "peer", bulkBytes: 2_000 })];
    server.advance(100);
    for (const client of clients) client.close();
    server.advance(1_000);
    return clients.map((client) => new WeakRef(client.visitor as object));
  };
  const gone = Array.from({ length: 20 }, comeAndGo).flat();
  await new Promise((resolve) => setImmediate(resolve));
  collect();
  expect(gone.filter((ref) => ref.deref() !== undefined)).toEqual([]);
  expect(stays.rejected).toBeUndefined();
});
