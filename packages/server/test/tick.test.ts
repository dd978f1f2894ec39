import { type AddedPacket, encodeHandshake, encodeHeartbeat, encodeResponse } from "@lekt/protocol";
import { describe, expect, test } from "vitest";
import { offersOf } from "./person.ts";
import { VirtualServer } from "./virtual-server.ts";

/** A server with one client that waits for news. */
function waiting(tickMs: number) {
  const server = new VirtualServer({ tickMs });
  const alice = server.join({ name: "alice", holdMs: 25_000 });
  alice.beat();
  server.advance(1_000);
  alice.beat();
  return { server, alice };
}

describe("news", () => {
  test("go out at once after a quiet spell", () => {
    const { server, alice } = waiting(20);
    server.join({ name: "bob" });
    server.advance(0);
    expect(alice.lastReply).toEqual(["+bob"]);
  });

  test("that come soon after others are gathered for the rest of the tick", () => {
    const { server, alice } = waiting(20);
    server.join({ name: "bob" });
    server.advance(0);
    alice.beat();
    server.advance(5);
    server.join({ name: "carol" });
    server.advance(5);
    server.join({ name: "dave" });
    server.advance(9);
    expect(alice.lastReply).toEqual(["+bob"]);
    server.advance(1);
    expect(alice.lastReply).toEqual(["+carol", "+dave"]);
  });

  test("are gathered for as long as the option says", () => {
    const { server, alice } = waiting(300);
    server.join({ name: "bob" });
    server.advance(0);
    alice.beat();
    server.join({ name: "carol" });
    server.advance(299);
    expect(alice.lastReply).toEqual(["+bob"]);
    server.advance(1);
    expect(alice.lastReply).toEqual(["+carol"]);
  });

  test("hold up a plain reply until their tick, and no longer (spec 5.4.2)", () => {
    const server = new VirtualServer();
    const alice = server.settled({ name: "alice" });
    server.advance(1_000);
    server.join({ name: "bob" });
    server.advance(0);
    server.join({ name: "carol" });
    alice.beat();
    server.advance(19);
    expect(alice.replies).toHaveLength(1);
    server.advance(1);
    expect(alice.lastReply).toEqual(["+bob", "+carol"]);
  });

  test("of one network do not hurry those of another", () => {
    const { server, alice } = waiting(20);
    server.join({ name: "bob" });
    server.advance(0);
    alice.beat();
    server.join({ name: "carol" });
    server.advance(10);
    server.join({ name: "dave", network: "elsewhere" });
    server.advance(9);
    expect(alice.lastReply).toEqual(["+bob"]);
    server.advance(1);
    expect(alice.lastReply).toEqual(["+carol"]);
  });

  test("of one network cause no tick in another", () => {
    const server = new VirtualServer();
    const alice = server.join({ name: "alice", network: "a", holdMs: 25_000 });
    alice.beat();
    server.settle();
    alice.beat();
    server.join({ name: "bob", network: "b" });
    server.settle();
    expect(alice.replies).toEqual([["+alice"]]);
  });
});

test("where nothing changed no tick is due", () => {
  const { server } = waiting(20);
  expect(server.heart.nextTickMs).toBe(Number.POSITIVE_INFINITY);
});

test("time stamps are those of the encoding, at the end of a reply that of the sending (spec 5.11)", () => {
  const server = new VirtualServer();
  const alice = server.settled({ name: "alice" });
  const joinedAt = BigInt(server.unixSeconds);
  server.join({ name: "bob" });
  server.advance(7_000);
  alice.beat();
  const heads = alice.link.packets
    .filter((packet): packet is AddedPacket => packet.type === "added")
    .slice(-2);
  expect(heads.map(({ count, timestamp }) => [count, timestamp])).toEqual([
    [1, joinedAt],
    [0, BigInt(server.unixSeconds)],
  ]);
});

test("a first heartbeat waits for the tick that brings the client itself", () => {
  const server = new VirtualServer({ tickMs: 500 });
  server.settled({ name: "alice" });
  server.advance(500);
  server.join({ name: "bob" });
  server.advance(0);
  const carol = server.connect();
  carol.send(encodeHandshake(64, [20]));
  carol.send(encodeResponse(20, offersOf({ name: "carol" }).get(20) ?? new Uint8Array(0)));
  carol.send(encodeHeartbeat(0n));
  server.advance(499);
  expect(carol.replies).toEqual([]);
  server.advance(1);
  expect(carol.roster).toEqual(["alice", "bob", "carol"]);
});
