import { Roster, UpdateLog } from "@lekt/protocol";
import { afterEach, describe, expect, test, vi } from "vitest";
import type { VirtualClient } from "./virtual-client.ts";
import { VirtualServer } from "./virtual-server.ts";

afterEach(() => vi.restoreAllMocks());

/** So many clients that all have the roster and whose next heartbeat is held. */
function holders(server: VirtualServer, count: number): VirtualClient[] {
  const clients = Array.from({ length: count }, (_, i) => server.join({ name: `c${i}`, holdMs: 25_000 }));
  for (const client of clients) client.beat();
  server.settle();
  for (const client of clients) client.beat();
  return clients;
}

/** The buffers of the client's last write. */
function lastWrite(client: VirtualClient | undefined): readonly Uint8Array[] {
  return client?.link.writes.at(-1) ?? [];
}

describe("a change", () => {
  test("reaches all who wait as one and the same buffer", () => {
    const server = new VirtualServer();
    const clients = holders(server, 100);
    server.join({ name: "news" });
    server.settle();
    const [buffer] = lastWrite(clients[0]);
    expect(buffer).toBeInstanceOf(Uint8Array);
    for (const client of clients) {
      expect(client.lastReply).toEqual(["+news"]);
      expect(lastWrite(client)).toHaveLength(1);
      expect(lastWrite(client)[0]).toBe(buffer);
    }
  });

  test("is encoded once, whatever the number of those who wait", () => {
    const cost = (count: number) => {
      const server = new VirtualServer();
      holders(server, count);
      const spies = [
        vi.spyOn(Roster.prototype, "tick"),
        vi.spyOn(UpdateLog.prototype, "append"),
        vi.spyOn(Roster.prototype, "snapshot"),
      ];
      server.join({ name: "one" });
      server.join({ name: "two" });
      server.settle();
      const calls = spies.map((spy) => spy.mock.calls.length);
      vi.restoreAllMocks();
      return calls;
    };
    expect(cost(1)).toEqual([1, 1, 0]);
    expect(cost(200)).toEqual([1, 1, 0]);
  });

  test("too long for one buffer is handed to all as the same stretches of the log", () => {
    const server = new VirtualServer();
    const clients = holders(server, 3);
    for (let i = 0; i < 20; i++) server.join({ name: `big${i}`, bulkBytes: 2_000 });
    server.settle();
    const firstWrites = clients.map((client) => client.link.writes.at(-2));
    const stretches = new Set(firstWrites.map((write) => write?.[0]?.buffer));
    expect(stretches.size).toBe(1);
    for (const client of clients) expect(client.lastReply).toHaveLength(20);
  });
});

describe("a snapshot", () => {
  test("is shared by all newcomers, its buffers too", () => {
    const server = new VirtualServer();
    holders(server, 50);
    const newcomers = Array.from({ length: 10 }, (_, i) => server.join({ name: `n${i}` }));
    server.settle();
    for (const newcomer of newcomers) newcomer.beat();
    const [page] = lastWrite(newcomers[0]);
    expect(page?.length).toBeGreaterThan(0);
    for (const newcomer of newcomers) {
      expect(lastWrite(newcomer)[0]).toBe(page);
      expect(newcomer.roster).toHaveLength(60);
    }
  });

  test("is not encoded anew for each newcomer", () => {
    const allocations = (newcomers: number) => {
      const server = new VirtualServer();
      holders(server, 50);
      const spy = vi.spyOn(Buffer, "allocUnsafeSlow");
      for (let i = 0; i < newcomers; i++) server.join({ watch: true }).beat();
      server.settle();
      const calls = spy.mock.calls.length;
      vi.restoreAllMocks();
      return calls;
    };
    expect(allocations(100)).toBe(allocations(1));
  });

  test("is encoded anew when the log behind it has grown long", () => {
    const server = new VirtualServer();
    holders(server, 1);
    const before = lastWrite(server.settled({ watch: true }))[0];
    for (let i = 0; i < 10; i++) server.join({ name: `big${i}`, bulkBytes: 1_000 });
    server.settle();
    const after = server.settled({ watch: true });
    expect(lastWrite(after)[0]).not.toBe(before);
    expect(after.replies[0]).toHaveLength(11);
  });
});

test("the end of a reply is encoded once a second", () => {
  const server = new VirtualServer();
  const clients = ["a", "b", "c"].map((name) => server.settled({ name }));
  const endsNow = () => {
    for (const client of clients) client.beat();
    return clients.map((client) => lastWrite(client)[0]);
  };
  for (const client of clients) client.beat();
  server.settle();
  const ends = endsNow();
  expect(new Set(ends).size).toBe(1);
  expect(new Set([...ends, ...endsNow()]).size).toBe(1);
  server.advance(1_000);
  expect(new Set([...ends, ...endsNow()]).size).toBe(2);
});
