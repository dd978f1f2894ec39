import { describe, expect, test } from "vitest";
import { MAX_SIGNAL_BYTES } from "../src/limits.ts";
import { METHOD } from "../src/method-list.ts";
import { encodeSignal, SERVER_IDENTITY } from "../src/packets/signal.ts";
import type { ServerSessionOptions } from "../src/server-session.ts";
import { encodeUtf8 } from "../src/utf8.ts";
import { Visit } from "./visit.ts";

const NOTHING = new Uint8Array(0);
const OWN = new Uint8Array(32).fill(1);
const OTHER = new Uint8Array(32).fill(2);
const OFFER = encodeUtf8("offer");
const HEAD_BYTES = 44;

/** A client that set `identity` and `signal`, in the heartbeat phase since 0. */
function signaller(
  extra: Iterable<readonly [number, Uint8Array]> = [],
  options: ServerSessionOptions = {},
): Visit {
  const visit = new Visit({ options });
  visit.introduce(new Map([[METHOD.identity, OWN], [METHOD.signal, NOTHING], ...extra]));
  visit.session.admit(0);
  return visit;
}

function signalsOf(visit: Visit) {
  void visit.packets;
  return visit.effects.filter((effect) => effect.type === "signal");
}

describe("signals (spec 8.1)", () => {
  test("become effects, in order, byte by byte too, and are no heartbeats", () => {
    const visit = signaller().receive(encodeSignal(OTHER, OFFER), 5_000);
    for (const byte of encodeSignal(SERVER_IDENTITY, Uint8Array.of(7)))
      visit.receive(Uint8Array.of(byte), 5_000);
    expect(signalsOf(visit)).toEqual([
      { type: "signal", to: OTHER, payload: OFFER },
      { type: "signal", to: SERVER_IDENTITY, payload: Uint8Array.of(7) },
    ]);
    expect([visit.session.pendingReplies, visit.session.deadlineMs]).toEqual([0, 30_000]);
  });

  test("are asked for beside an identity alone, and refused without", () => {
    const visit = new Visit().introduce(new Map([[METHOD.signal, NOTHING]]));
    visit.session.admit(0);
    expect(visit.requested).toEqual([0]);
    expect(visit.session.signalIdentity).toBeUndefined();
    visit.receive(encodeSignal(OTHER, OFFER).subarray(0, 5));
    expect(visit.rejection).toMatch(/^malformed: .*signal/);
  });

  test("are refused from who set an identity alone", () => {
    const visit = new Visit().introduce(new Map([[METHOD.identity, OWN]]));
    visit.session.admit(0);
    expect(visit.receive(encodeSignal(OTHER, OFFER)).rejection).toMatch(/^malformed: /);
    expect(visit.session.signalIdentity).toBeUndefined();
  });

  test("are refused before the zero request", () => {
    const visit = new Visit();
    visit.introduce(
      new Map([
        [METHOD.identity, OWN],
        [METHOD.signal, NOTHING],
      ]),
    );
    expect(visit.session.phase).toBe("admission");
    expect(visit.receive(encodeSignal(OTHER, OFFER)).rejection).toMatch(/^malformed: /);
  });

  test.each([
    { bytes: 0, word: "malformed" },
    { bytes: 1, word: undefined },
    { bytes: MAX_SIGNAL_BYTES, word: undefined },
    { bytes: MAX_SIGNAL_BYTES + 1, word: "limit" },
  ])("of $bytes bytes are judged with the last byte of the length", ({ bytes, word }) => {
    const packet = encodeSignal(OTHER, new Uint8Array(bytes));
    const visit = signaller().receive(packet.subarray(0, HEAD_BYTES - 1));
    expect(visit.rejection).toBeUndefined();
    visit.receive(packet.subarray(HEAD_BYTES - 1, HEAD_BYTES));
    expect(visit.rejection?.split(":")[0]).toBe(word);
    visit.receive(packet.subarray(HEAD_BYTES));
    expect(signalsOf(visit)).toHaveLength(word === undefined ? 1 : 0);
  });
});

describe("the identity that signals go to", () => {
  const update = [METHOD.update, NOTHING] as const;

  test("is the one shown last", () => {
    const visit = signaller([update]);
    expect(visit.session.signalIdentity).toEqual(OWN);
    expect(visit.answer(METHOD.identity, OTHER).session.signalIdentity).toEqual(OTHER);
  });

  test("is never that of the server", () => {
    const visit = signaller([update, [METHOD.identity, SERVER_IDENTITY]]);
    expect(visit.session.signalIdentity).toBeUndefined();
    expect(visit.answer(METHOD.identity, OWN).session.signalIdentity).toEqual(OWN);
    expect(visit.answer(METHOD.identity, SERVER_IDENTITY).session.signalIdentity).toBeUndefined();
  });

  test("is not that of a client without signals that replaces its own", () => {
    const visit = new Visit().introduce(new Map([[METHOD.identity, OWN], update]));
    visit.session.admit(0);
    expect(visit.answer(METHOD.identity, OTHER).session.signalIdentity).toBeUndefined();
  });
});

describe("the rate of signals (spec 8.1.5)", () => {
  /** How many of those that come now may go on. */
  function passed(visit: Visit, nowMs: number, copies = 1): number {
    let count = 0;
    for (; visit.session.maySignal(nowMs) && count < 1_000; count++) visit.session.signalled(nowMs, copies);
    return count;
  }

  test("is 200 at once, then one in 20 ms", () => {
    const visit = signaller();
    expect(passed(visit, 0.1)).toBe(200);
    expect(passed(visit, 20)).toBe(0);
    expect(passed(visit, 20.1)).toBe(1);
    expect(passed(visit, 1_020.1)).toBe(50);
    expect(passed(visit, 100_000.7)).toBe(200);
  });

  test("counts each client that one goes to, and one that reached nobody once", () => {
    expect(passed(signaller(), 0, 4)).toBe(50);
    expect(passed(signaller(), 0, 0)).toBe(200);
  });

  test("times ten ends the connection: 2,000 at once, and no more", () => {
    const signal = encodeSignal(OTHER, Uint8Array.of(1));
    const visit = signaller();
    for (let i = 0; i < 2_000; i++) visit.receive(signal);
    expect(visit.rejection).toBeUndefined();
    visit.receive(signal, 2);
    expect(visit.rejection).toBeUndefined();
    expect(visit.receive(signal, 2).rejection).toBe("rate: more than 500 signals a second");
    expect(signalsOf(visit)).toHaveLength(2_001);
    const late = signaller();
    for (let i = 0; i < 2_050; i++) late.receive(signal, 0, 100);
    expect(late.rejection).toBeUndefined();
    const free = signaller([], { signalsPerSecond: 0 });
    for (let i = 0; i < 5_000; i++) free.receive(signal);
    expect(free.rejection).toBeUndefined();
  });

  test("is what the server was told; 0: there is none", () => {
    const visit = signaller([], { signalsPerSecond: 1 });
    expect(passed(visit, 0)).toBe(200);
    expect(passed(visit, 999)).toBe(0);
    expect(passed(visit, 1_000)).toBe(1);
    expect(passed(signaller([], { signalsPerSecond: 0 }), 0)).toBe(1_000);
  });
});
