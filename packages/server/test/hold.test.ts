import { describe, expect, test } from "vitest";
import type { VirtualClient } from "./virtual-client.ts";
import { VirtualServer } from "./virtual-server.ts";

/** A client with `hold` that has the roster, and a heartbeat that is held. */
function heldClient(holdMs: number, options = {}): { server: VirtualServer; alice: VirtualClient } {
  const server = new VirtualServer(options);
  const alice = server.join({ name: "alice", holdMs });
  alice.beat();
  server.advance(1_000);
  alice.beat();
  return { server, alice };
}

describe("a held reply (spec 5.17)", () => {
  test("is not the first one", () => {
    const server = new VirtualServer();
    const alice = server.join({ name: "alice", holdMs: 25_000 });
    alice.beat();
    server.settle();
    expect(alice.replies).toEqual([["+alice"]]);
  });

  test("waits while nothing changes, until its time is over", () => {
    const { server, alice } = heldClient(5_000);
    server.advance(4_999);
    expect(alice.replies).toHaveLength(1);
    server.advance(51);
    expect(alice.replies).toEqual([["+alice"], []]);
  });

  test("waits for 25 s at the most", () => {
    const { server, alice } = heldClient(0xffff_ffff);
    server.advance(24_999);
    expect(alice.replies).toHaveLength(1);
    server.advance(51);
    expect(alice.replies).toHaveLength(2);
  });

  test("is released by news, at once", () => {
    const { server, alice } = heldClient(25_000);
    server.advance(3_000);
    server.join({ name: "bob" });
    server.advance(0);
    expect(alice.lastReply).toEqual(["+bob"]);
  });

  test("is released by a further heartbeat, which is then held itself", () => {
    const { server, alice } = heldClient(25_000);
    server.advance(3_000);
    alice.beat();
    expect(alice.replies).toEqual([["+alice"], []]);
    server.advance(24_999);
    expect(alice.replies).toHaveLength(2);
    server.advance(51);
    expect(alice.replies).toHaveLength(3);
  });

  test("is no silence, whatever the heartbeat interval is (spec 5.15.2)", () => {
    const { server, alice } = heldClient(25_000, { heartbeatIntervalMs: 1_000 });
    server.advance(24_999);
    expect(alice.rejected).toBeUndefined();
    server.advance(51);
    expect(alice.replies).toHaveLength(2);
  });

  test("leaves a silence that counts from when it went out, also before the hold would have ended", () => {
    const { server, alice } = heldClient(25_000, { heartbeatIntervalMs: 1_000 });
    server.advance(10_000);
    const bob = server.join({ name: "bob", holdMs: 25_000 });
    bob.beat();
    server.settle();
    expect(alice.lastReply).toEqual(["+bob"]);
    server.advance(2_950);
    expect(alice.rejected).toBeUndefined();
    server.advance(100);
    expect(alice.rejected?.word).toBe("timeout");
  });

  test("is not kept where the time is 0", () => {
    const { alice } = heldClient(0);
    expect(alice.replies).toEqual([["+alice"], []]);
  });
});

describe("news to a client with hold (spec 5.17.6)", () => {
  /** Somebody joins every 5 ms, and the client asks again as soon as it was answered: its replies in each second. */
  function repliesPerSecond(holdMs: number, seconds: number): number[] {
    const server = new VirtualServer({ tickMs: 1, heartbeatsPerSecond: 0 });
    const alice = server.join({ name: "alice", holdMs });
    let asked = 0;
    const counts: number[] = [];
    for (let second = 0; second <= seconds; second++) {
      const before = alice.replies.length;
      for (let ms = 0; ms < 1_000; ms += 5) {
        if (second > 0) server.join({ name: "x" });
        if (alice.replies.length === asked) {
          alice.beat();
          asked++;
        }
        server.advance(5);
      }
      if (second > 0) counts.push(alice.replies.length - before);
    }
    // Nothing is lost: what was gathered is there in the end.
    server.advance(1_000);
    alice.beat();
    expect(alice.roster).toHaveLength(1 + 200 * seconds);
    return counts;
  }

  test("go out 20 times a second, and in a burst of 20 before that", () => {
    const [first, ...later] = repliesPerSecond(25_000, 4);
    expect(first).toBeGreaterThanOrEqual(38);
    expect(first).toBeLessThanOrEqual(40);
    for (const count of later) expect(Math.abs(count - 20)).toBeLessThanOrEqual(1);
  });

  test("go out at each heartbeat without hold", () => {
    expect(repliesPerSecond(0, 2)).toEqual([200, 200]);
  });
});
