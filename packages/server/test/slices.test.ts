import { encodeResponse, encodeUtf8, METHOD, RosterMember, UpdateLog } from "@lekt/protocol";
import { afterEach, describe, expect, test, vi } from "vitest";
import type { Person } from "./person.ts";
import type { VirtualClient } from "./virtual-client.ts";
import { VirtualServer } from "./virtual-server.ts";

afterEach(() => vi.restoreAllMocks());

/** Nobody is refused for being many. */
const ROOMY = { maxClientsPerAddress: 10_000, maxConnectionsPerSecond: 10_000 };

/** Watchers that have the roster, and whose next heartbeat is held. */
function holders(server: VirtualServer, count: number, person: Person = {}): VirtualClient[] {
  const clients = Array.from({ length: count }, () =>
    server.join({ ...person, watch: true, holdMs: 25_000 }),
  );
  for (let beats = 0; beats < 2; beats++) {
    for (const client of clients) client.beat();
    server.settle();
  }
  return clients;
}

const writesOf = (clients: readonly VirtualClient[]) =>
  clients.reduce((sum, { link }) => sum + link.writes.length, 0);
const bytesOf = (clients: readonly VirtualClient[]) =>
  clients.reduce((sum, { link }) => sum + link.receivedBytes, 0);

/** What one call costs, in writes. */
function writesIn(clients: readonly VirtualClient[], call: () => void): number {
  const before = writesOf(clients);
  call();
  return writesOf(clients) - before;
}

describe("one turn of the event loop", () => {
  test("answers 256 of those who wait for a tick, and the next turn is due at once", () => {
    const server = new VirtualServer(ROOMY);
    const clients = holders(server, 600);
    server.join({ name: "news" });
    const turns: number[] = [];
    while (server.heart.nextTickMs <= server.nowMs) turns.push(writesIn(clients, () => server.heart.tick()));
    expect(turns).toEqual([256, 256, 88]);
    for (const client of clients) expect(client.lastReply).toEqual(["+news"]);
  });

  describe("of a tick with very many changes", () => {
    /** What the turns until the tick is over add to logs, in bytes. */
    function bytesOfTurns(server: VirtualServer): number[] {
      const append = vi.spyOn(UpdateLog.prototype, "append");
      const turns: number[] = [];
      while (server.heart.nextTickMs <= server.nowMs) {
        append.mockClear();
        server.heart.tick();
        turns.push(append.mock.calls.reduce((sum, [bytes]) => sum + bytes, 0));
      }
      return turns;
    }
    const HEAD = 20;
    const NEWCOMER = 4 + 4 + 8 + "news".length;

    test("encodes 1,024, and answers once, when all are encoded", () => {
      const server = new VirtualServer(ROOMY);
      const [client] = holders(server, 1) as [VirtualClient];
      const repliesBefore = client.replies.length;
      for (let i = 0; i < 2_500; i++) server.join({ name: "news" });
      expect(bytesOfTurns(server)).toEqual([1_024, 1_024, 452].map((count) => HEAD + count * NEWCOMER));
      expect(client.replies.slice(repliesBefore)).toEqual([new Array(2_500).fill("+news")]);
    });

    test("encodes 1,024 of all networks together", () => {
      const server = new VirtualServer(ROOMY);
      const names = ["one", "two", "three"];
      const clients = names.flatMap((network) => holders(server, 1, { network }));
      for (const network of names) for (let i = 0; i < 500; i++) server.join({ name: "news", network });
      const first = 3 * HEAD + 1_024 * NEWCOMER;
      expect(bytesOfTurns(server)).toEqual([first, HEAD + 476 * NEWCOMER]);
      for (const client of clients) expect(client.lastReply).toHaveLength(500);
    });

    test("encodes as many who leave, with sessions and without", () => {
      const server = new VirtualServer(ROOMY);
      const members = Array.from({ length: 1_500 }, () => server.join({ name: "news" }));
      server.settle();
      const [plain, withSessions] = [false, true].flatMap((session) => holders(server, 1, { session }));
      for (const member of members) member.close();
      const removed = (count: number) => 2 * (HEAD + 4 * count);
      expect(bytesOfTurns(server)).toEqual([removed(1_024), removed(476)]);
      for (const client of [plain, withSessions]) expect(client?.roster).toEqual([]);
    });

    test("comes to an end of it, however many changes come in each turn", () => {
      const server = new VirtualServer({ ...ROOMY, heartbeatsPerSecond: 0 });
      const members = Array.from({ length: 2_000 }, () => server.join({ name: "old", update: true }));
      server.settle();
      const [client] = holders(server, 1, { session: true }) as [VirtualClient];
      const repliesBefore = client.replies.length;
      for (let turn = 0; turn < 2; turn++) {
        for (const member of members) member.send(encodeResponse(METHOD.name, encodeUtf8(`new ${turn}`)));
        server.heart.tick();
      }
      expect(client.replies.length).toBe(repliesBefore + 1);
      server.settle();
      client.beat();
      server.settle();
      expect(client.roster).toEqual(new Array(2_000).fill("new 1"));
    });
  });

  test("does not let a small network wait for a large one", () => {
    const server = new VirtualServer(ROOMY);
    const large = holders(server, 600, { network: "large" });
    const small = holders(server, 3, { network: "small" });
    server.join({ name: "one", network: "large" });
    server.join({ name: "two", network: "small" });
    server.heart.tick();
    for (const client of small) expect(client.lastReply).toEqual(["+two"]);
    expect(large.filter((client) => client.lastReply?.[0] === "+one").length).toBeLessThan(256);
    server.settle();
    for (const client of large) expect(client.lastReply).toEqual(["+one"]);
  });

  test("does not let a small network wait for many large ones either", () => {
    const server = new VirtualServer(ROOMY);
    const names = Array.from({ length: 8 }, (_, i) => `large ${i}`);
    const large = names.flatMap((network) => holders(server, 65, { network }));
    const small = holders(server, 1, { network: "small" });
    for (const network of [...names, "small"]) server.join({ name: "news", network });
    const turns: number[] = [];
    while (small[0]?.lastReply?.length === 0) turns.push(writesIn(large, () => server.heart.tick()));
    expect(turns).toEqual([256, 255]);
  });

  test("answers a heartbeat that comes between the tick and its answer with what changed before it (spec 5.4.2)", () => {
    const server = new VirtualServer(ROOMY);
    const clients = Array.from({ length: 300 }, () => server.join({ watch: true }));
    server.join({ name: "first" });
    for (const client of clients) client.beat();
    server.heart.tick();
    const last = clients.at(-1) as VirtualClient;
    const previous = clients.at(-2) as VirtualClient;
    // Nothing has changed since the tick: it need not wait for its turn.
    previous.beat();
    expect(previous.replies).toEqual([["+first"], []]);
    expect(last.replies).toEqual([]);
    server.join({ name: "second" });
    for (const client of [previous, last]) client.beat();
    server.settle();
    expect(previous.replies).toEqual([["+first"], [], ["+second"]]);
    expect(last.replies).toEqual([["+first"], ["+second"]]);
  });

  test("leaves out who left meanwhile", () => {
    const server = new VirtualServer(ROOMY);
    const clients = holders(server, 300);
    server.join({ name: "news" });
    server.heart.tick();
    const leaver = clients.at(-1);
    const before = leaver?.link.writes.length;
    leaver?.close();
    server.settle();
    expect(leaver?.link.writes.length).toBe(before);
    expect(clients[298]?.lastReply).toEqual(["+news"]);
  });

  test("writes 2 MiB of long replies, and one slice more", () => {
    const server = new VirtualServer(ROOMY);
    for (let i = 0; i < 100; i++) server.join({ bulkBytes: 2_000 });
    const newcomers = Array.from({ length: 50 }, () => server.join({ watch: true }));
    // What they are to be told is encoded for somebody else, so that for them it is only written.
    server.settled({ watch: true });
    server.heart.tick();
    const before = bytesOf(newcomers);
    for (const client of newcomers) client.beat();
    const first = bytesOf(newcomers) - before;
    expect(first).toBeGreaterThanOrEqual(2 * 1_024 * 1_024);
    expect(first).toBeLessThan(2 * 1_024 * 1_024 + 32_768);
    expect(newcomers[49]?.replies).toEqual([]);
    const turn = bytesOf(newcomers);
    server.heart.tick();
    expect(bytesOf(newcomers) - turn).toBeLessThan(2 * 1_024 * 1_024 + 32_768);
    server.settle();
    for (const client of newcomers) expect(client.lastReply).toHaveLength(100);
  });

  test("encodes some 8,000 clients of a snapshot, which is taken without looking at any", () => {
    const server = new VirtualServer({ ...ROOMY, maxClientsPerNetwork: 10_001 });
    for (let i = 0; i < 10_000; i++) server.join({ name: "here" });
    server.settle();
    const newcomer = server.join({ watch: true });
    const looks = vi.spyOn(RosterMember.prototype, "object", "get");
    const allocate = vi.spyOn(Buffer, "allocUnsafeSlow");
    const pagesIn = (call: () => void) => {
      allocate.mockClear();
      call();
      return allocate.mock.calls.length;
    };
    // 1,637 of them are a page.
    expect(pagesIn(() => newcomer.beat())).toBe(5);
    expect(newcomer.replies).toEqual([]);
    expect(pagesIn(() => server.heart.tick())).toBe(2);
    expect(newcomer.lastReply).toHaveLength(10_000);
    expect(looks).not.toHaveBeenCalled();
  });

  test("says goodbye to 128, and then to the others", () => {
    const server = new VirtualServer(ROOMY);
    const clients = Array.from({ length: 300 }, () => server.join({}));
    server.heart.stop();
    const told = () => clients.filter(({ rejected }) => rejected).length;
    expect(told()).toBe(128);
    server.heart.tick();
    expect(told()).toBe(256);
    server.heart.tick();
    expect(told()).toBe(300);
    for (const { rejected } of clients) expect(rejected?.message).toMatch(/^shutdown: /);
  });

  test("drops 128 whose deadline has come, and then the others", () => {
    const server = new VirtualServer(ROOMY);
    const clients = Array.from({ length: 300 }, () => server.connect());
    server.nowMs += 10_100;
    server.heart.turn();
    const dropped = () => clients.filter(({ rejected }) => rejected).length;
    expect(dropped()).toBe(128);
    server.settle();
    expect(dropped()).toBe(300);
  });
});
