import { describe, expect, test } from "vitest";
import { VirtualServer } from "./virtual-server.ts";

describe("clients of one network", () => {
  test("see themselves and each other, and who leaves", () => {
    const server = new VirtualServer();
    const alice = server.settled({ name: "alice" });
    expect(alice.replies).toEqual([["+alice"]]);
    const bob = server.settled({ name: "bob" });
    expect(bob.replies).toEqual([["+alice", "+bob"]]);
    alice.beat();
    expect(alice.lastReply).toEqual(["+bob"]);
    bob.close();
    alice.beat();
    server.settle();
    expect(alice.lastReply).toEqual(["-10.0.0.2"]);
    expect(alice.roster).toEqual(["alice"]);
  });

  test("do not see those of another one", () => {
    const server = new VirtualServer();
    const alice = server.settled({ name: "alice", network: "a" });
    const bob = server.settled({ name: "bob", network: "b" });
    const carol = server.settled({ name: "carol" });
    alice.beat();
    expect([alice, bob, carol].map((client) => client.roster)).toEqual([["alice"], ["bob"], ["carol"]]);
  });

  test("get 20 bytes where nothing changed", () => {
    const server = new VirtualServer();
    const alice = server.settled({ name: "alice" });
    const before = alice.link.receivedBytes;
    alice.beat();
    expect(alice.lastReply).toEqual([]);
    expect(alice.link.receivedBytes - before).toBe(20);
  });

  test("know nothing of who came and left between two ticks", () => {
    const server = new VirtualServer();
    const alice = server.settled({ name: "alice" });
    server.join({ name: "bob" }).close();
    alice.beat();
    server.settle();
    expect(alice.lastReply).toEqual([]);
  });

  test("are not shown who has not finished the setup, or said goodbye by half a close (spec 5.2)", () => {
    const server = new VirtualServer();
    const alice = server.settled({ name: "alice" });
    server.connect();
    const bob = server.settled({ name: "bob" });
    alice.beat();
    expect(alice.roster).toEqual(["alice", "bob"]);
    bob.halfClose();
    alice.beat();
    server.settle();
    expect(alice.roster).toEqual(["alice"]);
  });
});

test("a newcomer gets a snapshot and what happened since, and misses nobody", () => {
  const server = new VirtualServer();
  const alice = server.settled({ name: "alice" });
  const bob = server.settled({ name: "bob" });
  server.settled({ name: "carol" });
  bob.close();
  server.settle();
  const dave = server.settled({ name: "dave" });
  // The snapshot is that of alice, the first newcomer: the rest comes from the log.
  expect(dave.replies).toEqual([["+alice", "+bob", "+carol", "-10.0.0.2", "+dave"]]);
  expect(dave.roster).toEqual(["alice", "carol", "dave"]);
  alice.beat();
  expect(alice.roster).toEqual(dave.roster);
});

describe("a watcher", () => {
  test("sees and is not seen (spec 5.2)", () => {
    const server = new VirtualServer();
    const alice = server.settled({ name: "alice" });
    const watcher = server.settled({ name: "eve", watch: true });
    expect(watcher.roster).toEqual(["alice"]);
    alice.beat();
    expect(alice.lastReply).toEqual([]);
    server.join({ name: "bob" });
    watcher.beat();
    server.settle();
    expect(watcher.lastReply).toEqual(["+bob"]);
    watcher.close();
    alice.beat();
    server.settle();
    expect(alice.lastReply).toEqual(["+bob"]);
  });

  test("of an empty network gets an empty reply", () => {
    const watcher = new VirtualServer().settled({ watch: true });
    expect(watcher.replies).toEqual([[]]);
  });
});

describe("the word of the server (spec 5.13)", () => {
  test("comes first in the first reply, and only there", () => {
    const server = new VirtualServer({ heartbeatIntervalMs: 7_000 });
    server.settled({ name: "alice" });
    const bob = server.connect("192.0.2.7", 41_234);
    bob.introduce({ name: "bob", server: true });
    bob.beat();
    server.settle();
    bob.beat();
    const [first, ...later] = bob.replies;
    expect(first?.slice(1)).toEqual(["+alice", "+bob"]);
    expect(JSON.parse(first?.[0]?.replace("server ", "") ?? "")).toEqual({
      you: { address: "192.0.2.7", port: 41_234 },
      heartbeatSeconds: 7,
      relay: null,
      stun: [],
    });
    expect(later).toEqual([[]]);
  });

  test.each([
    ["::ffff:192.0.2.7", "192.0.2.7"],
    ["2001:DB8:0:0::7", "2001:db8::7"],
    ["fe80::1%eth0", "fe80::1"],
  ])("says %s as %s", (address, shown) => {
    const server = new VirtualServer();
    const client = server.settled({ server: true }, address);
    expect(client.replies[0]?.[0]).toContain(`"address":"${shown}"`);
  });

  test("does not come unasked", () => {
    expect(new VirtualServer().settled({ name: "alice" }).replies).toEqual([["+alice"]]);
  });
});

describe("clients behind one address", () => {
  const nat = "192.0.2.1";

  test("are listed anew when one of them leaves (spec 5.8)", () => {
    const server = new VirtualServer();
    const alice = server.settled({ name: "alice" });
    const clients = ["b", "c", "d"].map((name) => server.settled({ name }, nat));
    alice.beat();
    expect(alice.lastReply).toEqual(["+b", "+c", "+d"]);
    clients[1]?.close();
    server.advance(1_000);
    alice.beat();
    const [removed, ...added] = alice.lastReply ?? [];
    expect(removed).toBe(`-${nat}`);
    expect(added.sort()).toEqual(["+b", "+d"]);
    expect(alice.roster).toEqual(["alice", "b", "d"]);
  });

  test("may be twins, of whom one leaves (spec 5.9)", () => {
    const server = new VirtualServer();
    const alice = server.settled({ name: "alice" });
    const [twin] = [server.settled({ name: "twin" }, nat), server.settled({ name: "twin" }, nat)];
    alice.beat();
    expect(alice.roster).toEqual(["alice", "twin", "twin"]);
    twin?.close();
    server.advance(1_000);
    alice.beat();
    expect(alice.roster).toEqual(["alice", "twin"]);
  });

  test("are gathered when they leave, for a second at the most (spec 5.8.4)", () => {
    const server = new VirtualServer({ maxClientsPerAddress: 200, maxConnectionsPerSecond: 200 });
    const alice = server.settled({ name: "alice", holdMs: 25_000 });
    const crowd = Array.from({ length: 150 }, (_, i) => server.join({ name: `c${i}` }, nat));
    server.settle();
    alice.beat();
    alice.beat();
    const before = alice.replies.length;
    for (const leaver of crowd.slice(0, 10)) {
      leaver.close();
      server.advance(90);
    }
    expect(alice.replies.length).toBe(before);
    server.advance(150);
    expect(alice.replies.length).toBe(before + 1);
    expect(alice.roster).toHaveLength(141);
  });
});
