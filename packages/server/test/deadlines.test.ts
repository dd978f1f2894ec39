import { encodeHandshake, encodeHeartbeat, encodeResponse } from "@lekt/protocol";
import { describe, expect, test } from "vitest";
import { WHEEL_STEP_MS } from "../src/deadline-wheel.ts";
import type { VirtualClient } from "./virtual-client.ts";
import { VirtualServer } from "./virtual-server.ts";

/** Expects that the client is refused after `ms`, to within a step of the wheel. */
function expectTimeoutAfter(ms: number, server: VirtualServer, client: VirtualClient): void {
  server.advance(ms - 1);
  expect(client.rejected).toBeUndefined();
  server.advance(1 + WHEEL_STEP_MS);
  expect(client.rejected?.word).toBe("timeout");
}

describe("handshake and setup together (spec 4.9)", () => {
  test.each([
    ["by who says nothing", () => {}],
    [
      "by who sends half a handshake",
      (client: VirtualClient) => client.send(encodeHandshake(64, [20]).subarray(0, 9)),
    ],
    ["by who does not answer", (client: VirtualClient) => client.send(encodeHandshake(64, [20]))],
  ])("take 10 s at the most: %s", (_, act) => {
    const server = new VirtualServer();
    const client = server.connect();
    act(client);
    expectTimeoutAfter(10_000, server, client);
  });

  test("are counted from the connection, whatever trickles in", () => {
    const server = new VirtualServer({ setupTimeoutMs: 2_000 });
    const client = server.connect();
    server.advance(1_500);
    client.send(encodeHandshake(64, [20, 21]));
    client.send(encodeResponse(20, Uint8Array.of(65)));
    expectTimeoutAfter(500, server, client);
  });

  test("are over with the zero request", () => {
    const server = new VirtualServer({ setupTimeoutMs: 2_000 });
    const alice = server.join({ name: "alice" });
    server.advance(3_000);
    expect(alice.rejected).toBeUndefined();
  });
});

describe("silence (spec 5.15)", () => {
  test("of three intervals from the zero request ends the connection", () => {
    const server = new VirtualServer();
    expectTimeoutAfter(30_000, server, server.join({ name: "alice" }));
  });

  test("counts from the last reply", () => {
    const server = new VirtualServer({ heartbeatIntervalMs: 2_000 });
    const alice = server.join({ name: "alice" });
    server.advance(5_000);
    alice.beat();
    server.advance(0);
    expectTimeoutAfter(6_000, server, alice);
  });

  test("is not broken by half a heartbeat", () => {
    const server = new VirtualServer();
    const alice = server.join({ name: "alice" });
    server.advance(29_000);
    alice.send(encodeHeartbeat(0n).subarray(0, 15));
    expectTimeoutAfter(1_000, server, alice);
  });

  test("is not broken by an answer for index 0, which is ignored (spec 4.8)", () => {
    const server = new VirtualServer();
    const alice = server.join({ name: "alice" });
    server.advance(29_000);
    alice.send(encodeResponse(0, Uint8Array.of(1, 2, 3)));
    expect(alice.replies).toEqual([]);
    expectTimeoutAfter(1_000, server, alice);
  });

  test("is noticed by the others, as a leave", () => {
    const server = new VirtualServer();
    const alice = server.join({ name: "alice", holdMs: 25_000 });
    alice.beat();
    server.settle();
    server.join({ name: "bob" });
    alice.beat();
    server.advance(25_000);
    alice.beat();
    server.advance(5_100);
    expect(alice.roster).toEqual(["alice"]);
  });
});

describe("who got a Reject (spec 6.5)", () => {
  test("may read it for a second, then the connection is cut", () => {
    const server = new VirtualServer();
    const client = server.connect();
    client.send(Uint8Array.of(0));
    expect(client.rejected?.word).toBe("malformed");
    expect(client.link.ended).toBe(true);
    server.advance(999);
    expect(client.link.destroyed).toBe(false);
    server.advance(1 + WHEEL_STEP_MS);
    expect(client.link.destroyed).toBe(true);
    expect(server.heart.connections).toBe(0);
  });

  test("may go on talking; nobody listens, and it lasts no longer", () => {
    const server = new VirtualServer();
    const client = server.connect();
    client.send(Uint8Array.of(0));
    for (let i = 0; i < 10; i++) {
      server.advance(100);
      client.introduce({ name: "again" });
    }
    server.advance(WHEEL_STEP_MS);
    expect(client.link.destroyed).toBe(true);
    expect(client.link.packets).toHaveLength(1);
  });

  test("is not waited for when it has closed", () => {
    const server = new VirtualServer();
    const client = server.connect();
    client.send(Uint8Array.of(0));
    client.close();
    expect(server.heart.connections).toBe(0);
    server.advance(2_000);
    expect(client.link.destroyed).toBe(false);
  });
});

describe("heartbeats (spec 5.14)", () => {
  test("40 at once are allowed, 41 are not", () => {
    const server = new VirtualServer();
    const alice = server.join({ name: "alice" });
    alice.send(...Array.from({ length: 40 }, () => encodeHeartbeat(0n)));
    expect(alice.rejected).toBeUndefined();
    alice.beat();
    expect(alice.rejected?.word).toBe("rate");
  });

  test.each([
    { everyMs: 50, word: undefined },
    { everyMs: 45, word: "rate" },
  ])("one in $everyMs ms for a minute", ({ everyMs, word }) => {
    const server = new VirtualServer();
    const alice = server.join({ name: "alice" });
    for (let ms = 0; ms < 60_000 && !alice.rejected; ms += everyMs) {
      alice.beat();
      server.advance(everyMs);
    }
    expect(alice.rejected?.word).toBe(word);
  });

  test("are as many as the option says, or any number where it is 0", () => {
    const heartbeats = (heartbeatsPerSecond: number) => {
      const server = new VirtualServer({ heartbeatsPerSecond });
      const alice = server.join({ name: "alice" });
      for (let ms = 0; ms < 10_000 && !alice.rejected; ms += 10) {
        alice.beat();
        server.advance(10);
      }
      return alice.rejected?.word;
    };
    expect(heartbeats(99)).toBeUndefined();
    expect(heartbeats(90)).toBe("rate");
    expect(heartbeats(0)).toBeUndefined();
  });

  test("that gathered while the server itself was late are not charged", () => {
    const server = new VirtualServer();
    const alice = server.join({ name: "alice" });
    const late = Buffer.concat(Array.from({ length: 60 }, () => encodeHeartbeat(0n)));
    if (alice.visitor) server.heart.receive(alice.visitor, late, 1_000);
    expect(alice.rejected).toBeUndefined();
    alice.beat();
    expect(alice.rejected?.word).toBe("rate");
  });
});
