import { describe, expect, test } from "vitest";
import { concatBytes } from "../src/bytes.ts";
import { METHOD } from "../src/method-list.ts";
import { encodeAccept } from "../src/packets/accept.ts";
import { encodeReject } from "../src/packets/reject.ts";
import { encodeRequest } from "../src/packets/request.ts";
import { encodeResponse } from "../src/packets/response.ts";
import { encodeServerInfo } from "../src/payloads/server-info.ts";
import { REJECT_WORDS } from "../src/reject-words.ts";
import { RosterView } from "../src/roster-view.ts";
import { encodeUtf8 } from "../src/utf8.ts";
import { added, bare, ClientVisit, END, ready } from "./client-visit.ts";

const offers = new Map([
  [METHOD.name, encodeUtf8("zoë")],
  [METHOD.tcp, Uint8Array.of(1, 2)],
]);

describe("the setup", () => {
  test("begins with the handshake; what is known reaches to the highest offer", () => {
    const [handshake] = new ClientVisit({ offers }).packets;
    expect(handshake).toMatchObject({ type: "handshake", known: 20, methods: [1, 20] });
    expect(new ClientVisit().packets).toMatchObject([{ type: "handshake", known: 0, methods: [] }]);
  });

  test("answers what is asked, in order, then beats at once with the time", () => {
    const visit = new ClientVisit({ offers }).receive(concatBytes([encodeAccept(), encodeRequest(1)]));
    expect(visit.packets.slice(1)).toMatchObject([
      { type: "response", method: 1, payload: Uint8Array.of(1, 2) },
    ]);
    visit.receive(concatBytes([encodeRequest(20), encodeRequest(0)]), 5);
    expect(visit.packets.slice(2)).toMatchObject([
      { type: "response", method: 20 },
      { type: "heartbeat", timestamp: 1_774_483_200n },
    ]);
  });

  test("is over when the server says so, whatever it asked; that event comes once", () => {
    const visit = new ClientVisit({ offers });
    visit.receive(concatBytes([encodeAccept({ major: 1, minor: 4, extra: 2 }), encodeRequest(20)]));
    expect(visit.eventsOf("ready")).toEqual([]);
    visit.receive(encodeRequest(0));
    expect(visit.eventsOf("ready")).toEqual([
      { type: "ready", version: { major: 1, minor: 4, extra: 2 }, asked: [20] },
    ]);
  });

  test.each([
    { asked: [2], says: /method 2 \(udp\)/ },
    { asked: [20, 1], says: /method 1 \(tcp\)/ },
    { asked: [1, 1], says: /method 1 \(tcp\)/ },
  ])("ends when the server asks for $asked", ({ asked, says }) => {
    const visit = new ClientVisit({ offers });
    visit.receive(concatBytes([encodeAccept(), ...asked.map((method) => encodeRequest(method))]));
    expect(visit.code).toBe("LEKT_PROTOCOL");
    expect(visit.ended?.error.message).toMatch(says);
  });

  test.each([
    { phase: "handshake", bytes: new Uint8Array(0) },
    { phase: "setup", bytes: encodeAccept() },
  ])("has 10 s; in the $phase, too", ({ phase, bytes }) => {
    const visit = new ClientVisit({ nowMs: 500 }).receive(bytes, 9_000);
    expect(visit.session.deadlineMs).toBe(10_500);
    expect(visit.deadline(10_499).ended).toBeUndefined();
    expect(visit.deadline(10_500).code).toBe("LEKT_TIMEOUT");
    expect(visit.ended?.error.message).toContain(phase);
  });

  test("has as long as setupTimeoutMs says", () => {
    expect(new ClientVisit({ setupTimeoutMs: 70 }).session.deadlineMs).toBe(70);
  });

  test.each([
    {
      name: "another major version",
      bytes: encodeAccept({ major: 2, minor: 0, extra: 0 }),
      code: "LEKT_VERSION",
    },
    { name: "something else", bytes: encodeUtf8("HTTP/1.1 400 Bad Request"), code: "LEKT_NOT_LEKT" },
    { name: "no accept first", bytes: encodeRequest(0), code: "LEKT_NOT_LEKT" },
    {
      name: "junk after the accept",
      bytes: concatBytes([encodeAccept(), encodeUtf8("x")]),
      code: "LEKT_PROTOCOL",
    },
  ])("ends when the server speaks $name", ({ bytes, code }) => {
    expect(new ClientVisit().receive(bytes).code).toBe(code);
  });
});

describe("a Reject", () => {
  const phases = [
    { phase: "handshake", visit: () => new ClientVisit() },
    { phase: "setup", visit: () => new ClientVisit().receive(encodeAccept()) },
    { phase: "heartbeat", visit: () => ready() },
  ];

  test.each(phases)("in the $phase is the end, with its word and text", ({ visit }) => {
    const ended = visit().receive(encodeReject("auth", "not\u001b you")).ended;
    expect(ended).toMatchObject({ word: "auth", text: "not\u001b you", error: { code: "LEKT_REJECT_AUTH" } });
    expect(ended?.error.message).toBe("The server refused: auth: not\\u{1b} you");
  });

  test.each(REJECT_WORDS)("%s has a code of its own", (word) => {
    expect(ready().receive(encodeReject(word, "x")).code).toBe(`LEKT_REJECT_${word.toUpperCase()}`);
  });

  test("with a word of a later version is all text", () => {
    const reject = concatBytes([encodeReject("limit", "").subarray(0, 8), encodeUtf8("later: x\0")]);
    expect(ready().receive(reject).ended).toMatchObject({
      word: "unknown",
      text: "later: x",
      error: { code: "LEKT_REJECT_UNKNOWN" },
    });
  });

  test("between the packets of a reply throws the reply away", () => {
    const visit = ready()
      .reply(0, added(bare(1)), END)
      .deadline(10_000);
    visit.reply(10_000, added(bare(2)), encodeReject("shutdown", "bye"));
    expect(visit.code).toBe("LEKT_REJECT_SHUTDOWN");
    expect(visit.view.size).toBe(1);
  });

  test("is the last packet: what lies behind it is not read", () => {
    for (const behind of [encodeUtf8("junk"), END, encodeReject("auth", "no")]) {
      const visit = ready().reply(0, encodeReject("limit", "full"), behind);
      expect(visit.code).toBe("LEKT_REJECT_LIMIT");
      expect(visit.eventsOf("reply")).toEqual([]);
      expect(visit.session.deadlineMs).toBe(Number.POSITIVE_INFINITY);
    }
  });
});

describe("the end of the connection", () => {
  test.each([
    { during: "during the handshake", visit: () => new ClientVisit() },
    { during: "during the setup", visit: () => new ClientVisit().receive(encodeAccept()) },
    { during: "ended.", visit: () => ready() },
  ])("says when: $during", ({ during, visit }) => {
    const lost = visit();
    const cause = new Error("reset");
    lost.session.disconnected(cause);
    expect(lost.code).toBe("LEKT_CONNECTION_LOST");
    expect(lost.ended?.error.message).toContain(during);
    expect(lost.ended?.error.cause).toBe(cause);
  });

  test("inside a packet, or before the end of a reply, has no effect on the roster", () => {
    for (const cut of [30, 29, 5]) {
      const visit = ready()
        .reply(0, added(bare(1)), END)
        .deadline(10_000);
      visit.receive(concatBytes([added(bare(2), bare(3)).subarray(0, cut)]), 10_000);
      visit.session.disconnected();
      expect(visit.code).toBe("LEKT_CONNECTION_LOST");
      expect([...visit.view.entries()].map(({ object }) => object.ip)).toEqual([1]);
    }
  });

  test("is the end of all: nothing more is sent, said or waited for", () => {
    const visit = ready();
    visit.session.disconnected();
    expect(visit.code).toBe("LEKT_CONNECTION_LOST");
    visit.reply(1, added(bare(1)), END).deadline(1e9);
    visit.session.disconnected();
    expect(visit.session.deadlineMs).toBe(Number.POSITIVE_INFINITY);
    expect(visit.session.takeEvents()).toEqual([]);
  });
});

describe("replies", () => {
  test("take effect at their end; the first is marked", () => {
    const visit = ready().reply(0, added(bare(1)));
    expect(visit.eventsOf("reply")).toEqual([]);
    visit
      .reply(0, added(bare(2)), END)
      .deadline(10_000)
      .reply(10_000, END);
    expect(visit.eventsOf("reply")).toMatchObject([
      { first: true, changes: [{ type: "joined" }, { type: "joined" }] },
      { first: false, changes: [] },
    ]);
  });

  test("updates that come while none is outstanding are part of the next", () => {
    const visit = ready()
      .reply(0, END)
      .reply(1, added(bare(1)));
    expect(visit.view.size).toBe(0);
    visit.deadline(10_000).reply(10_000, END);
    expect(visit.view.size).toBe(1);
  });

  test("a second session brings the whole roster anew: who is there again is no news", () => {
    const view = new RosterView();
    ready({ view })
      .reply(0, added(bare(1), bare(2)), END)
      .session.disconnected();
    const again = ready({ view }).reply(5, added(bare(2), bare(3)), END);
    expect(again.eventsOf("reply")[0]?.changes.map(({ type, entry }) => [type, entry.object.ip])).toEqual(
      expect.arrayContaining([
        ["joined", 3],
        ["stale", 1],
      ]),
    );
    expect(again.eventsOf("reply")[0]?.changes).toHaveLength(2);
  });

  test("that break a rule, or bring too many, are the end", () => {
    expect(ready().reply(0, encodeResponse(1, new Uint8Array(0))).code).toBe("LEKT_PROTOCOL");
    const view = new RosterView({ maxPeers: 1 });
    expect(ready({ view }).reply(0, added(bare(1), bare(2)), END).code).toBe("LEKT_ROSTER_LIMIT");
    expect(view.size).toBe(0);
    expect(ready({ maxObjectBytes: 3 }).reply(0, added(bare(1))).code).toBe("LEKT_PROTOCOL");
  });
});

describe("words from the server", () => {
  const word = (index: number, payload: Uint8Array) => added({ ip: 0, methods: [{ index, payload }] });

  test("tell what it says of itself, and are in no roster", () => {
    const info = { you: { address: "192.0.2.1", port: 7 }, heartbeatSeconds: 3, relay: null, stun: [] };
    const visit = ready().reply(0, word(METHOD.server, encodeServerInfo(info)), added(bare(1)), END);
    expect(visit.eventsOf("server")).toEqual([{ type: "server", info }]);
    expect(visit.view.size).toBe(1);
  });

  test.each([
    { name: "of a later version", bytes: word(29, new Uint8Array(8)) },
    { name: "that is no JSON", bytes: word(METHOD.server, encodeUtf8("{")) },
    { name: "without a method", bytes: added(bare(0)) },
  ])("are ignored: one $name", ({ bytes }) => {
    const visit = ready().reply(0, bytes, END);
    expect(visit.eventsOf("server")).toEqual([]);
    expect(visit.eventsOf("reply")).toMatchObject([{ changes: [] }]);
    expect(visit.ended).toBeUndefined();
  });
});
