import { describe, expect, test } from "vitest";
import { concatBytes } from "../src/bytes.ts";
import { MAX_SIGNAL_BYTES } from "../src/limits.ts";
import { METHOD } from "../src/method-list.ts";
import { encodeAccept } from "../src/packets/accept.ts";
import { encodeRequest } from "../src/packets/request.ts";
import { encodeSignal } from "../src/packets/signal.ts";
import { encodeHold } from "../src/payloads/hold.ts";
import { encodeUtf8 } from "../src/utf8.ts";
import { added, bare, ClientVisit, END, ready } from "./client-visit.ts";

const NOTHING = new Uint8Array(0);
const PEER = new Uint8Array(32).fill(2);
const OFFER = encodeUtf8("offer");
const OFFERS = new Map([
  [METHOD.identity, new Uint8Array(32).fill(1)],
  [METHOD.signal, NOTHING],
]);

describe("a signal of the server (spec 8.1)", () => {
  test("is an event at once, also between the packets of a reply, which takes effect at its end", () => {
    const visit = ready({ offers: OFFERS });
    visit.reply(1, added(bare(1)), encodeSignal(PEER, OFFER));
    expect(visit.eventsOf("signal")).toEqual([{ type: "signal", from: PEER, payload: OFFER }]);
    expect(visit.eventsOf("reply")).toEqual([]);
    visit.reply(2, encodeSignal(PEER, NOTHING), added(bare(2)), END);
    expect(visit.eventsOf("signal")[1]).toEqual({ type: "signal", from: PEER, payload: NOTHING });
    expect(visit.eventsOf("reply")).toHaveLength(1);
    expect(visit.eventsOf("reply")[0]?.changes).toHaveLength(2);
    expect(visit.ended).toBeUndefined();
  });

  test("is no reply: with hold the next heartbeat waits for the end of the one that is held", () => {
    const visit = ready({ offers: new Map([...OFFERS, [METHOD.hold, encodeHold(25_000)]]) });
    visit.reply(1, added(bare(1)), END);
    const { heartbeats } = visit;
    visit.receive(encodeSignal(PEER, OFFER), 100);
    expect(visit.heartbeats).toBe(heartbeats);
  });

  test.each([
    { bytes: MAX_SIGNAL_BYTES, code: undefined },
    { bytes: MAX_SIGNAL_BYTES + 1, code: "LEKT_PROTOCOL" },
  ])("of $bytes bytes", ({ bytes, code }) => {
    const visit = ready({ offers: OFFERS });
    visit.receive(encodeSignal(PEER, new Uint8Array(bytes)).subarray(0, 44));
    expect(visit.code).toBe(code);
  });

  test("breaks the protocol where the client did not ask for it", () => {
    const visit = ready({ offers: new Map([[METHOD.identity, PEER]]) });
    expect(visit.receive(encodeSignal(PEER, OFFER)).code).toBe("LEKT_PROTOCOL");
  });

  test("breaks the protocol before the zero request", () => {
    const visit = new ClientVisit({ offers: OFFERS });
    visit.receive(
      concatBytes([encodeAccept(), encodeRequest(METHOD.identity), encodeRequest(METHOD.signal)]),
    );
    expect(visit.receive(encodeSignal(PEER, OFFER)).code).toBe("LEKT_PROTOCOL");
  });
});

describe("a signal of the client", () => {
  test("goes out at once, also while a reply is outstanding", () => {
    const visit = ready({ offers: OFFERS });
    expect(visit.session.signal(PEER, OFFER)).toBe(true);
    expect(visit.packets.at(-1)).toMatchObject({ type: "signal", identity: PEER, payload: OFFER });
  });

  test("cannot go before the zero request, to a server without signals, or behind the end", () => {
    const early = new ClientVisit({ offers: OFFERS });
    early.receive(
      concatBytes([encodeAccept(), encodeRequest(METHOD.identity), encodeRequest(METHOD.signal)]),
    );
    expect(early.session.signal(PEER, OFFER)).toBe(false);
    const plain = new ClientVisit({ offers: OFFERS });
    plain.receive(concatBytes([encodeAccept(), encodeRequest(METHOD.identity), encodeRequest(0)]));
    expect(plain.session.signal(PEER, OFFER)).toBe(false);
    const over = ready({ offers: OFFERS });
    over.session.disconnected();
    expect(over.session.signal(PEER, OFFER)).toBe(false);
    for (const { packets } of [early, plain, over])
      expect(packets.some(({ type }) => type === "signal")).toBe(false);
  });

  test.each([
    { identityBytes: 31, payloadBytes: 1 },
    { identityBytes: 33, payloadBytes: 1 },
    { identityBytes: 32, payloadBytes: 0 },
    { identityBytes: 32, payloadBytes: MAX_SIGNAL_BYTES + 1 },
  ])("with $identityBytes bytes of identity and $payloadBytes of payload is none", (of) => {
    const { session } = ready({ offers: OFFERS });
    expect(() => session.signal(new Uint8Array(of.identityBytes), new Uint8Array(of.payloadBytes))).toThrow(
      RangeError,
    );
  });

  test("of the longest payload goes out", () => {
    const visit = ready({ offers: OFFERS });
    expect(visit.session.signal(PEER, new Uint8Array(MAX_SIGNAL_BYTES))).toBe(true);
    expect(visit.packets.at(-1)).toMatchObject({ type: "signal" });
  });
});
