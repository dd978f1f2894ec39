import {
  encodeHeartbeat,
  encodeResponse,
  encodeUtf8,
  fromHex,
  METHOD,
  payloadOf,
  toHex,
} from "@lekt/protocol";
import { describe, expect, test } from "vitest";
import type { VirtualClient } from "./virtual-client.ts";
import { VirtualServer } from "./virtual-server.ts";

const NOTHING = new Uint8Array(0);

/** The token at the end of the client's last reply that had one. */
function tokenOf(client: VirtualClient): Uint8Array {
  const words = client.replies.flat().filter((text) => text.startsWith("token "));
  return fromHex((words.at(-1) as string).slice(6)) as Uint8Array;
}

function sessionsSeen(client: VirtualClient): number {
  return client.link.packets.filter(
    (packet) =>
      packet.type === "client" && packet.object.ip !== 0 && payloadOf(packet.object, METHOD.session),
  ).length;
}

function update(client: VirtualClient, method: number, payload: Uint8Array): void {
  client.send(encodeResponse(method, payload));
}

describe("sessions (spec 5.8.5)", () => {
  test("who set it is told of one behind a shared address without hearing of the others again", () => {
    const server = new VirtualServer();
    const crowd = Array.from({ length: 5 }, (_, i) => server.settled({ name: `c${i}` }, "10.9.9.9"));
    const withSessions = server.settled({ name: "with", session: true });
    const without = server.settled({ name: "without" });
    expect(sessionsSeen(withSessions)).toBe(6);
    crowd[0]?.close();
    server.advance(2_000);
    withSessions.beat();
    without.beat();
    server.settle();
    expect(withSessions.lastReply).toEqual(["+without", "gone 1"]);
    expect(without.lastReply).toEqual(["-10.9.9.9", "+c4", "+c3", "+c2", "+c1"]);
    expect(withSessions.roster).toEqual(without.roster);
    expect(sessionsSeen(without)).toBe(0);
  });

  test("the last one at an address leaves with the address", () => {
    const server = new VirtualServer();
    const reader = server.settled({ name: "reader", session: true });
    const twins = [
      server.settled({ name: "twin" }, "10.9.9.9"),
      server.settled({ name: "twin" }, "10.9.9.9"),
    ];
    reader.beat();
    for (const twin of twins) twin.close();
    server.settle();
    reader.beat();
    server.settle();
    expect(reader.lastReply).toEqual(["-10.9.9.9"]);
    expect(reader.roster).toEqual(["reader"]);
  });
});

describe("replaced payloads (spec 4.10)", () => {
  test("are one change to the others, the last state of several in a tick", () => {
    const server = new VirtualServer();
    const alice = server.settled({ name: "alice", update: true });
    const readers = [server.settled({ name: "r1" }), server.settled({ name: "r2", session: true })];
    update(alice, METHOD.name, encodeUtf8("alison"));
    update(alice, METHOD.name, encodeUtf8("alicia"));
    server.settle();
    for (const reader of readers) {
      reader.beat();
      server.settle();
      expect(reader.roster).toContain("alicia");
      expect(reader.lastReply?.filter((text) => text.startsWith("+ali"))).toEqual(["+alicia"]);
    }
  });

  test("behind a shared address come as a session that is gone and the new object", () => {
    const server = new VirtualServer();
    const alice = server.settled({ name: "alice", update: true }, "10.9.9.9");
    server.settled({ name: "bob" }, "10.9.9.9");
    const reader = server.settled({ name: "reader", session: true });
    update(alice, METHOD.name, encodeUtf8("alicia"));
    server.settle();
    reader.beat();
    expect(reader.lastReply).toEqual(["gone 1", "+alicia"]);
    expect(reader.roster).toEqual(["alicia", "bob", "reader"]);
  });

  test.each([
    ["a method that was not published", { name: "x", update: true }, METHOD.data, 3, "malformed"],
    ["a private one", { name: "x", update: true, holdMs: 5 }, METHOD.hold, 4, "malformed"],
    ["without the wish to", { name: "x" }, METHOD.name, 1, "malformed"],
    ["an empty name", { name: "x", update: true }, METHOD.name, 0, "malformed"],
    ["2,048 published bytes", { bulkBytes: 1, name: "xx", update: true }, 33, 2_046, undefined],
    ["2,049 published bytes", { bulkBytes: 1, name: "xx", update: true }, 33, 2_047, "limit"],
    ["a payload over 4,096 bytes", { bulkBytes: 1, update: true }, 33, 4_097, "limit"],
  ])("%s", (_, person, method, bytes, word) => {
    const server = new VirtualServer();
    const client = server.settled(person);
    update(client, method, new Uint8Array(bytes).fill(65));
    expect(client.rejected?.word).toBe(word);
  });

  test("count with the heartbeats", () => {
    const server = new VirtualServer();
    const client = server.settled({ name: "x", update: true });
    server.advance(10_000);
    for (let i = 0; i < 20; i++) update(client, METHOD.name, encodeUtf8(`x${i}`));
    for (let i = 0; i < 20; i++) client.send(encodeHeartbeat(0n));
    expect(client.rejected).toBeUndefined();
    update(client, METHOD.name, encodeUtf8("y"));
    expect(client.rejected?.word).toBe("rate");
  });

  test("of a watcher are taken and have no effect", () => {
    const server = new VirtualServer();
    const alice = server.settled({ name: "alice" });
    const watcher = server.settled({ name: "w", watch: true, update: true });
    update(watcher, METHOD.name, encodeUtf8("v"));
    server.settle();
    alice.beat();
    expect(alice.lastReply).toEqual([]);
    expect(watcher.rejected).toBeUndefined();
  });
});

describe.each([{ session: false }, { session: true }])(
  "resume (spec 5.19), sessions: $session",
  ({ session }) => {
    test("a first reply brings everybody between the two words, later ones end with a token where they changed something", () => {
      const server = new VirtualServer();
      server.settled({ name: "alice" });
      const client = server.settled({ name: "me", server: true, resume: NOTHING, session });
      const [first] = client.replies;
      expect(first?.[0]).toMatch(/^server /);
      expect(first?.slice(1, -1)).toEqual(["token ", "+alice", "+me"]);
      expect(first?.at(-1)).toMatch(/^token ../);
      client.beat();
      expect(client.lastReply).toEqual([]);
      server.settled({ name: "bob" });
      client.beat();
      expect(client.lastReply).toEqual(["+bob", `token ${toHex(tokenOf(client))}`]);
    });

    test("who comes back is told what changed meanwhile", () => {
      const server = new VirtualServer();
      const alice = server.settled({ name: "alice" });
      const keeper = server.settled({ name: "keeper", session });
      const client = server.settled({ name: "me", resume: NOTHING, session });
      const token = tokenOf(client);
      client.close();
      alice.close();
      server.settle();
      server.settled({ name: "bob" });
      const back = server.settled({ name: "me", resume: token, session });
      expect(back.replies[0]).toEqual([
        `token ${toHex(token)}`,
        "-10.0.0.3",
        "-10.0.0.1",
        "+bob",
        "+me",
        `token ${toHex(tokenOf(back))}`,
      ]);
      keeper.beat();
      server.advance(50);
      expect(keeper.roster).toEqual(["bob", "keeper", "me"]);
    });

    test("so is the only one of its kind, for as long as the past is kept", () => {
      const server = new VirtualServer({ historyMs: 60_000 });
      const others = { name: "other", session: !session, holdMs: 25_000 };
      const other = server.settled(others);
      const client = server.settled({ name: "me", resume: NOTHING, session });
      const token = tokenOf(client);
      client.close();
      for (const awayMs of [29_000, 29_000]) {
        other.beat();
        server.advance(awayMs);
      }
      const back = server.settled({ name: "me", resume: token, session });
      expect(back.replies[0]?.[0]).toBe(`token ${toHex(token)}`);
      expect(back.replies[0]?.filter((text) => /^[+-]/.test(text))).toEqual(["-10.0.0.2", "+me"]);
      const newToken = tokenOf(back);
      back.close();
      for (const awayMs of [29_000, 29_000, 3_000]) {
        other.beat();
        server.advance(awayMs);
      }
      server.settled({ name: "meanwhile", session: !session }).close();
      const late = server.settled({ name: "me", resume: newToken, session });
      expect(late.replies[0]?.[0]).toBe("token ");
      expect(late.roster).toEqual(["me", "other"]);
    });

    test.each([
      ["of another network", (token: Uint8Array) => token, "other"],
      ["with another history", (token: Uint8Array) => token.with(0, (token[0] as number) ^ 1), undefined],
      ["that is cut short", (token: Uint8Array) => token.subarray(1), undefined],
    ])("a token %s starts from empty", (_, forge, network) => {
      const server = new VirtualServer();
      const client = server.settled({ name: "me", resume: NOTHING, session });
      server.settled({ name: "there", network: "other", session });
      const joining = network === undefined ? {} : { network };
      const back = server.settled({ name: "again", resume: forge(tokenOf(client)), session, ...joining });
      expect(back.replies[0]?.[0]).toBe("token ");
      expect(back.replies[0]?.filter((text) => text.startsWith("+"))).toContain("+again");
      expect(back.replies[0]).toHaveLength(4);
    });

    test("no position that is made up misleads: it is one at which a reply ended, or starts from empty", () => {
      const server = new VirtualServer();
      const client = server.settled({ name: "me", resume: NOTHING, session });
      server.settled({ name: "alice" });
      server.settled({ name: "bob" });
      client.beat();
      const token = tokenOf(client);
      const end = new DataView(token.buffer, token.byteOffset).getUint32(20);
      let taken = 0;
      for (let position = 0; position <= end + 2; position++) {
        const forged = token.slice();
        new DataView(forged.buffer).setUint32(20, position);
        const watcher = server.settled({ watch: true, resume: forged, session });
        const [word, ...rest] = watcher.replies[0] as string[];
        if (word === "token ")
          expect(rest.filter((text) => text.startsWith("+"))).toEqual(["+me", "+alice", "+bob"]);
        else taken++;
        watcher.close();
      }
      // The beginning, and behind each of the three that came.
      expect(taken).toBe(4);
    });

    test.each([
      ["what is longer than the whole", {}],
      ["what is forgotten", { historyBytes: 65_536 }],
    ])("%s starts from empty", (_, options) => {
      const server = new VirtualServer(options);
      server.settled({ name: "alice" });
      const client = server.settled({ name: "me", resume: NOTHING, session });
      const token = tokenOf(client);
      const keeper = server.settled({ name: "keeper", session });
      client.close();
      for (let i = 0; i < 60; i++) {
        server.settled({ name: `n${i}`, bulkBytes: 2_000 }).close();
        keeper.beat();
        server.advance(50);
      }
      server.settle();
      const back = server.settled({ name: "me", resume: token, session });
      expect(back.replies[0]?.[0]).toBe("token ");
      expect(back.roster).toEqual(["alice", "keeper", "me"]);
    });
  },
);
