import { describe, expect, test } from "vitest";
import { concatBytes } from "../src/bytes.ts";
import { METHOD } from "../src/method-list.ts";
import { encodeAccept } from "../src/packets/accept.ts";
import type { ClientObject } from "../src/packets/client-object.ts";
import { encodeRequest } from "../src/packets/request.ts";
import { encodeServerInfo } from "../src/payloads/server-info.ts";
import { RosterView } from "../src/roster-view.ts";
import { encodeUtf8 } from "../src/utf8.ts";
import { added, bare, ClientVisit, END, ready } from "./client-visit.ts";
import { updates } from "./update-packets.ts";

const NOTHING = new Uint8Array(0);
const [T1, T2, T3] = [Uint8Array.of(1), Uint8Array.of(2, 2), Uint8Array.of(3, 3, 3)];
const RESUME = new Map([[METHOD.resume, NOTHING]]);

const word = (index: number, payload: Uint8Array) => added({ ip: 0, methods: [{ index, payload }] });
const token = (payload: Uint8Array) => word(METHOD.resume, payload);
const session = (n: number) => new Uint8Array(8).fill(n);
const gone = (...ns: number[]) => word(METHOD.session, concatBytes(ns.map(session)));
const withSession = (ip: number, n: number): ClientObject => ({
  ip,
  methods: [{ index: METHOD.session, payload: session(n) }],
});

/** A view that has 1 and 2, and T1 to go on from there. */
function known(): RosterView {
  const view = new RosterView();
  const visit = ready({ view, offers: RESUME });
  visit.reply(0, token(NOTHING), added(bare(1), bare(2)), token(T1), END).session.disconnected();
  expect(view.resumeToken).toEqual(T1);
  return view;
}

function ips(view: RosterView): number[] {
  return [...view.entries()]
    .filter(({ stale }) => !stale)
    .map(({ object }) => object.ip)
    .sort();
}

/** What the client answered when it was asked for its token. */
function offered(visit: ClientVisit): Uint8Array | undefined {
  for (const packet of visit.packets)
    if (packet.type === "response" && packet.method === METHOD.resume) return packet.payload;
  return undefined;
}

describe("resuming (spec 5.19)", () => {
  test("answers with the last token, or with nothing where there is none", () => {
    expect(offered(ready({ offers: RESUME }))).toEqual(NOTHING);
    expect(offered(ready({ offers: RESUME, view: known() }))).toEqual(T1);
  });

  test("with the own token goes on from the roster as it is", () => {
    const view = known();
    const visit = ready({ view, offers: RESUME }).reply(0, token(T1), added(bare(3)), token(T2), END);
    expect(visit.eventsOf("reply")).toMatchObject([{ first: true, changes: [{ type: "joined" }] }]);
    expect(ips(view)).toEqual([1, 2, 3]);
    expect(view.resumeToken).toEqual(T2);
  });

  test("works behind the word about the server, too", () => {
    const view = known();
    const info = encodeServerInfo({ heartbeatSeconds: 5 } as Parameters<typeof encodeServerInfo>[0]);
    ready({ view, offers: RESUME }).reply(0, word(METHOD.server, info), token(T1), END);
    expect(ips(view)).toEqual([1, 2]);
    expect(view.resumeToken).toEqual(T1);
  });

  test.each([
    { name: "an empty word", words: [token(NOTHING)] },
    { name: "a token that is not its own", words: [token(T2)] },
    { name: "no word at all", words: [] },
  ])("starts from empty where the first reply has $name", ({ words }) => {
    const view = known();
    ready({ view, offers: RESUME }).reply(0, ...words, added(bare(1), bare(3)), END);
    expect(ips(view)).toEqual([1, 3]);
    // The reply changed something and brought no token: the old one is of another roster.
    expect(view.resumeToken).toBeUndefined();
  });

  test.each([
    { name: "an entry", before: added(bare(1)), left: [1] },
    { name: "addresses", before: concatBytes(updates("removed", [Uint8Array.of(0, 0, 0, 9)], 0n)), left: [] },
    { name: "sessions that are gone", before: gone(9), left: [] },
  ])("starts from empty where the word comes behind $name: that is not its place", ({ before, left }) => {
    const view = known();
    ready({ view, offers: RESUME }).reply(0, before, token(T1), END);
    expect(ips(view)).toEqual(left);
  });

  test("takes the token at the end of a first reply that had no word at its start", () => {
    const view = known();
    ready({ view, offers: RESUME }).reply(0, added(bare(1)), token(T2), END);
    expect(view.resumeToken).toEqual(T2);
  });

  test("is not done for who did not ask, whatever the server says", () => {
    const view = known();
    const visit = ready({ view }).reply(0, token(T1), added(bare(3)), END);
    expect(ips(view)).toEqual([3]);
    expect(visit.ended).toBeUndefined();
    expect(view.resumeToken).toBeUndefined();
  });
});

describe("the token", () => {
  test("is valid with the end of its reply, not before", () => {
    const view = known();
    const visit = ready({ view, offers: RESUME }).reply(0, token(T1), added(bare(3)), token(T2));
    expect(view.resumeToken).toEqual(T1);
    visit.session.disconnected();
    expect(view.resumeToken).toEqual(T1);
    expect(offered(ready({ view, offers: RESUME }))).toEqual(T1);
    expect(ips(view)).toEqual([1, 2]);
  });

  test("outlives connections that fail before their first reply", () => {
    const view = known();
    new ClientVisit({ view, offers: RESUME }).session.disconnected();
    new ClientVisit({ view, offers: RESUME }).receive(encodeAccept()).deadline(10_000);
    ready({ view, offers: RESUME }).session.disconnected();
    ready({ view, offers: RESUME })
      .reply(0, token(NOTHING), added(bare(7)))
      .session.disconnected();
    expect(offered(ready({ view, offers: RESUME }))).toEqual(T1);
    expect(ips(view)).toEqual([1, 2]);
  });

  test("stays where a reply changes nothing, and goes where one changes something without a new one", () => {
    const view = known();
    const visit = ready({ view, offers: RESUME }).reply(0, token(T1), END);
    visit.deadline(10_000).reply(10_000, END);
    expect(view.resumeToken).toEqual(T1);
    visit.deadline(20_000).reply(20_000, added(bare(3)), token(T3), END);
    expect(view.resumeToken).toEqual(T3);
    visit.deadline(30_000).reply(30_000, added(bare(4)), END);
    expect(view.resumeToken).toBeUndefined();
  });
});

describe("sessions that are gone (spec 5.8.5)", () => {
  test("leave, wherever in the reply the word stands", () => {
    const visit = ready().reply(0, added(withSession(1, 1), withSession(1, 2), withSession(2, 3)), END);
    visit.deadline(10_000).reply(10_000, gone(1, 3), added(withSession(6, 4)), END);
    const [, reply] = visit.eventsOf("reply");
    expect(reply?.changes.map(({ type }) => type)).toEqual(["left", "left", "joined"]);
    visit.deadline(20_000).reply(20_000, added(withSession(5, 5)), gone(5), END);
    expect(visit.eventsOf("reply").at(-1)?.changes).toEqual([]);
  });

  test("and are unknown, or cut short, are ignored", () => {
    const visit = ready().reply(0, added(withSession(1, 1)), END);
    const odd = word(METHOD.session, concatBytes([session(7), session(1).subarray(0, 7)]));
    visit.deadline(10_000).reply(10_000, odd, END);
    expect(visit.eventsOf("reply").at(-1)?.changes).toEqual([]);
    expect(visit.ended).toBeUndefined();
  });
});

describe("update (spec 4.10)", () => {
  const offers = new Map<number, Uint8Array>([
    [METHOD.name, encodeUtf8("zoë")],
    [METHOD.hold, new Uint8Array(4)],
    [METHOD.update, NOTHING],
  ]);
  const ann = encodeUtf8("ann");

  test("sends a response where the server asked for both, and is no heartbeat", () => {
    const visit = ready({ offers });
    const { heartbeats } = visit;
    expect(visit.session.update(METHOD.name, ann, 0)).toBe(true);
    expect(visit.packets.at(-1)).toMatchObject({ type: "response", method: METHOD.name, payload: ann });
    expect(visit.heartbeats).toBe(heartbeats);
  });

  test.each([
    { name: "a private method", method: METHOD.hold, asked: [20, 22, 28] },
    { name: "one that was not offered", method: METHOD.data, asked: [20, 22, 28] },
    { name: "one that the server did not ask for", method: METHOD.name, asked: [22, 28] },
    { name: "where the server does not ask for update", method: METHOD.name, asked: [20, 22] },
  ])("does nothing for $name", ({ method, asked }) => {
    const visit = new ClientVisit({ offers });
    visit.receive(concatBytes([encodeAccept(), ...[...asked, 0].map((index) => encodeRequest(index))]));
    const before = visit.packets.length;
    expect(visit.session.update(method, ann, 0)).toBe(false);
    expect(visit.packets).toHaveLength(before);
  });

  test("does nothing before the end of the setup and after the end of all", () => {
    const early = new ClientVisit({ offers }).receive(
      concatBytes([encodeAccept(), ...[20, 28].map((index) => encodeRequest(index))]),
    );
    expect(early.session.update(METHOD.name, ann, 0)).toBe(false);
    const late = ready({ offers });
    late.session.disconnected();
    expect(late.session.update(METHOD.name, ann, 0)).toBe(false);
    expect(late.packets.filter(({ type }) => type === "response")).toHaveLength(3);
  });

  test("faster than a server allows waits, and only the latest is sent", () => {
    const visit = ready({ offers });
    const sent = () =>
      visit.packets.flatMap((packet) => (packet.type === "response" ? [packet.payload] : [])).slice(3);
    for (let i = 0; i < 200; i++)
      expect(visit.session.update(METHOD.name, Uint8Array.of(65, i), 0)).toBe(true);
    const atOnce = sent().length;
    // With the heartbeat that is out, what a server takes at once.
    expect(atOnce).toBeGreaterThan(10);
    expect(atOnce).toBeLessThan(40);
    expect(visit.session.deadlineMs).toBeLessThanOrEqual(100);
    visit.session.onDeadline(visit.session.deadlineMs);
    expect(sent()).toHaveLength(atOnce + 1);
    expect(sent().at(-1)).toEqual(Uint8Array.of(65, 199));
    expect(visit.session.deadlineMs).toBeGreaterThan(1_000);
  });

  test("is of this session alone: the offers of its maker stay as they were", () => {
    ready({ offers }).session.update(METHOD.name, ann, 0);
    expect(offers.get(METHOD.name)).toEqual(encodeUtf8("zoë"));
  });
});
