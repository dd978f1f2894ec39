import { describe, expect, test } from "vitest";
import { concatBytes } from "../src/bytes.ts";
import { METHOD } from "../src/method-list.ts";
import { encodeAccept } from "../src/packets/accept.ts";
import { encodeRequest } from "../src/packets/request.ts";
import { encodeHold } from "../src/payloads/hold.ts";
import { encodeServerInfo } from "../src/payloads/server-info.ts";
import { added, bare, ClientVisit, END, ready } from "./client-visit.ts";
import { admitted } from "./visit.ts";

const holding = (holdMs: number) => new Map([[METHOD.hold, encodeHold(holdMs)]]);

const serverInfo = (heartbeatSeconds: number) =>
  added({
    ip: 0,
    methods: [
      {
        index: METHOD.server,
        payload: encodeServerInfo({ you: { address: "", port: 1 }, heartbeatSeconds, relay: null, stun: [] }),
      },
    ],
  });

describe("without hold", () => {
  test("a heartbeat follows 10 s after the one before, however late its reply came", () => {
    const visit = ready({ nowMs: 1_000 }).reply(4_000, END);
    expect([visit.heartbeats, visit.session.deadlineMs]).toEqual([1, 11_000]);
    expect(visit.deadline(10_999).heartbeats).toBe(1);
    expect(visit.deadline(11_000).heartbeats).toBe(2);
    // A reply later than that is followed at once.
    expect(visit.reply(25_000, END).heartbeats).toBe(3);
  });

  test("heartbeatIntervalMs says how often, and what the server says goes before", () => {
    expect(ready({ heartbeatIntervalMs: 700 }).reply(0, END).session.deadlineMs).toBe(700);
    expect(ready({ heartbeatIntervalMs: 700 }).reply(0, serverInfo(3), END).session.deadlineMs).toBe(3_000);
  });

  test("none is sent while a reply is outstanding", () => {
    const visit = ready().reply(0, END).deadline(10_000);
    expect(visit.deadline(20_000).heartbeats).toBe(2);
  });

  test("an interval of nearly nothing is not shorter than the rate allows", () => {
    const visit = ready({ heartbeatIntervalMs: 0.001 }).reply(0, END);
    expect(answeredAtOnce(visit, 60_000)).toBeLessThanOrEqual(20 * 60 + 40);
  });
});

describe("with hold", () => {
  test("the next heartbeat follows a reply with news, or one that was held, at once", () => {
    const visit = ready({ offers: holding(20_000) }).reply(0, added(bare(1)), END);
    expect(visit.heartbeats).toBe(2);
    expect(visit.reply(19_000, END).heartbeats).toBe(3);
    expect(visit.reply(19_001, added(bare(2)), END).heartbeats).toBe(4);
  });

  test("that the server did not ask for, it is as without", () => {
    const visit = new ClientVisit({ offers: holding(20_000) });
    visit.receive(concatBytes([encodeAccept(), encodeRequest(0), added(bare(1)), END]));
    expect([visit.heartbeats, visit.session.deadlineMs]).toEqual([1, 10_000]);
  });

  test("a server that answers at once though nothing changed is asked once a second", () => {
    const visit = ready({ offers: holding(20_000) })
      .reply(0, added(bare(1)), END)
      .reply(5, END);
    expect(visit.session.deadlineMs).toBe(1_000);
    expect(answeredAtOnce(visit, 60_000)).toBeLessThanOrEqual(62);
  });

  test("a server that has news without end is never beaten faster than it takes", () => {
    const visit = ready({ offers: holding(25_000) });
    const server = admitted(25_000);
    let counted = 0;
    for (let nowMs = 0; nowMs < 20_000; nowMs++) {
      for (; counted < visit.heartbeats; counted++) server.heartbeat(nowMs);
      visit.reply(nowMs, added(bare(nowMs + 1)), END).deadline(nowMs);
    }
    expect(server.rejection).toBeUndefined();
    expect(counted).toBeGreaterThan(15 * 20);
  });
});

describe("silence of a server that ends its replies", () => {
  test("is too much after three intervals, and a millisecond before it is not", () => {
    const visit = ready().reply(0, END).deadline(10_000);
    expect(visit.session.deadlineMs).toBe(40_000);
    expect(visit.deadline(39_999).ended).toBeUndefined();
    expect(visit.deadline(40_000).code).toBe("LEKT_TIMEOUT");
  });

  test("has the time of hold besides", () => {
    const visit = ready({ offers: holding(20_000) }).reply(0, added(bare(1)), END);
    expect(visit.session.deadlineMs).toBe(30_000 + 20_000);
  });

  test("begins anew with every byte, so that a long reply over a slow line comes through", () => {
    const visit = ready().reply(0, END).deadline(10_000);
    const reply = added(...Array.from({ length: 20 }, (_, i) => bare(i + 1)));
    let nowMs = 10_000;
    for (const byte of reply) {
      nowMs += 29_999;
      visit.receive(Uint8Array.of(byte), nowMs).deadline(nowMs);
    }
    expect(visit.reply(nowMs, END).view.size).toBe(20);
    expect(visit.ended).toBeUndefined();
  });
});

describe("a plain server, which does not end its replies", () => {
  test("what came within an interval is taken as whole, and the next heartbeat follows", () => {
    const visit = ready().reply(0, added(bare(1)));
    expect(visit.deadline(9_999).view.size).toBe(0);
    visit.deadline(10_000);
    expect([visit.view.size, visit.heartbeats]).toEqual([1, 2]);
    expect(visit.eventsOf("reply")).toMatchObject([{ first: true, changes: [{ type: "joined" }] }]);
  });

  test("a further byte shows that the reply goes on", () => {
    const visit = ready().reply(6_000, added(bare(1)));
    expect(visit.deadline(15_999).view.size).toBe(0);
    expect(visit.reply(15_999, added(bare(2))).deadline(16_000).view.size).toBe(0);
    expect(visit.deadline(25_999).view.size).toBe(2);
  });

  test("that has nothing to say says nothing: the reply is empty", () => {
    const visit = ready()
      .reply(0, added(bare(1)))
      .deadline(10_000)
      .deadline(20_000)
      .deadline(30_000);
    expect(visit.eventsOf("reply").map(({ changes }) => changes.length)).toEqual([1, 0, 0]);
    expect([visit.heartbeats, visit.ended]).toEqual([4, undefined]);
  });

  test("has the time of hold besides, where it asked for it", () => {
    const visit = ready({ offers: holding(3_000) }).reply(0, added(bare(1)));
    expect(visit.session.deadlineMs).toBe(13_000);
  });

  test("that falls silent within a packet has three intervals to go on, then has stopped answering", () => {
    const visit = ready().reply(1_000, added(bare(1), bare(2)).subarray(0, 31));
    expect(visit.session.deadlineMs).toBe(31_000);
    expect(visit.deadline(30_999).ended).toBeUndefined();
    expect(visit.deadline(31_000).code).toBe("LEKT_TIMEOUT");
    expect(visit.view.size).toBe(0);
  });

  test("that never says anything has stopped answering: a first roster has at least oneself in it", () => {
    expect(ready().deadline(10_000).code).toBe("LEKT_TIMEOUT");
  });

  test("that never says anything to one who only watches has an empty network", () => {
    const visit = ready({ offers: new Map([[METHOD.watch, new Uint8Array(0)]]) }).deadline(10_000);
    expect(visit.eventsOf("reply")).toMatchObject([{ first: true, changes: [] }]);
    expect([visit.heartbeats, visit.ended]).toEqual([2, undefined]);
  });

  test("is one no more when an end of reply came", () => {
    const visit = ready()
      .reply(0, added(bare(1)))
      .deadline(10_000)
      .reply(11_000, END);
    expect(visit.session.deadlineMs).toBe(20_000);
    visit.deadline(20_000);
    expect(visit.session.deadlineMs).toBe(50_000);
  });
});

/** Heartbeats within so many milliseconds of a server that answers each at once and has no news. */
function answeredAtOnce(visit: ClientVisit, forMs: number): number {
  for (let answered = visit.heartbeats; visit.session.deadlineMs < forMs && visit.heartbeats < 10_000; ) {
    const nowMs = visit.session.deadlineMs;
    visit.deadline(nowMs);
    for (; answered < visit.heartbeats; answered++) visit.reply(nowMs, END);
  }
  return visit.heartbeats;
}
