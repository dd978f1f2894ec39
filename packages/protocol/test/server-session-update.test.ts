import { describe, expect, test, vi } from "vitest";
import { ByteQueue } from "../src/byte-queue.ts";
import { concatBytes } from "../src/bytes.ts";
import { METHOD } from "../src/method-list.ts";
import { type ClientObject, decodeClientObject } from "../src/packets/client-object.ts";
import { encodeResponse } from "../src/packets/response.ts";
import { encodeUtf8 } from "../src/utf8.ts";
import { VISITOR_IP, Visit } from "./visit.ts";

const NOTHING = new Uint8Array(0);
const PRIVATE_USE = 33;

type Extra = readonly (readonly [number, Uint8Array])[];

/** A client that published `zoë` and may replace it; the server's verdict is still to come. */
function introduced(extra: Extra = [], arrival: ConstructorParameters<typeof Visit>[0] = {}): Visit {
  const offers = new Map<number, Uint8Array>([
    [METHOD.name, encodeUtf8("zoë")],
    [METHOD.update, NOTHING],
    ...extra,
  ]);
  return new Visit(arrival).introduce(offers);
}

function updater(extra: Extra = [], arrival: ConstructorParameters<typeof Visit>[0] = {}): Visit {
  const visit = introduced(extra, arrival);
  visit.session.admit(0);
  return visit;
}

function decoded(object: Uint8Array): ClientObject {
  return decodeClientObject(object, 4, object.length - 4) as ClientObject;
}

/** The objects that it had one after the other. */
function updatesOf(visit: Visit) {
  void visit.packets;
  return visit.effects.flatMap((effect) => (effect.type === "updated" ? [decoded(effect.object)] : []));
}

describe("a replaced payload (spec 4.10)", () => {
  test("stands in the whole object, beside what was not replaced", () => {
    const visit = updater([[PRIVATE_USE, Uint8Array.of(1)]]);
    visit.answer(METHOD.name, encodeUtf8("ann")).answer(PRIVATE_USE, Uint8Array.of(2, 3));
    const object = (name: string, bytes: number[]) => ({
      ip: VISITOR_IP,
      methods: [
        { index: METHOD.name, payload: encodeUtf8(name) },
        { index: PRIVATE_USE, payload: Uint8Array.from(bytes) },
      ],
    });
    expect(updatesOf(visit)).toEqual([object("ann", [1]), object("ann", [2, 3])]);
  });

  test("leaves the ipv6 attribute that the server added", () => {
    const ipv6 = new Uint8Array(16).fill(9);
    const visit = updater([[PRIVATE_USE, NOTHING]], { ipv6 }).answer(METHOD.name, encodeUtf8("ann"));
    const indices = updatesOf(visit)[0]?.methods.map(({ index }) => index);
    expect(indices).toEqual([METHOD.name, METHOD.ipv6, PRIVATE_USE]);
  });

  test("is answered by nothing, is no heartbeat and ends no silence", () => {
    const visit = updater();
    const before = visit.packets.length;
    visit.receive(encodeResponse(METHOD.name, encodeUtf8("ann")), 5_000);
    expect(visit.packets).toHaveLength(before);
    expect([visit.session.pendingReplies, visit.session.deadlineMs]).toEqual([0, 30_000]);
  });

  test("may come while a reply is owed, and byte by byte", () => {
    const visit = updater().heartbeat(1);
    for (const byte of encodeResponse(METHOD.name, encodeUtf8("ann"))) visit.receive(Uint8Array.of(byte), 2);
    expect(updatesOf(visit)).toHaveLength(1);
    expect(visit.session.pendingReplies).toBe(1);
  });
});

describe("is refused", () => {
  test.each<{ name: string; method: number; extra?: Extra }>([
    { name: "a method that was not published", method: PRIVATE_USE },
    { name: "one that is private", method: METHOD.hold, extra: [[METHOD.hold, new Uint8Array(4)]] },
    { name: "the wish itself", method: METHOD.update },
    { name: "one that no server asks for", method: 65 },
  ])("$name, when its length is read", ({ method, extra }) => {
    const visit = updater(extra);
    visit.receive(encodeResponse(method, Uint8Array.of(1)).subarray(0, 15));
    expect(visit.rejection).toBeUndefined();
    visit.receive(Uint8Array.of(1));
    expect(visit.rejection).toMatch(/^malformed: /);
  });

  test("whatever comes from who did not set update", () => {
    const visit = new Visit().introduce(new Map([[METHOD.name, encodeUtf8("zoë")]]));
    visit.session.admit(0);
    expect(visit.answer(METHOD.name, encodeUtf8("ann")).rejection).toMatch(/^malformed: /);
  });

  test("a payload that the setup would refuse", () => {
    const visit = updater().answer(METHOD.name, encodeUtf8("a\n"));
    expect(visit.rejection).toMatch(/^malformed: .*name/);
    expect(updatesOf(visit)).toEqual([]);
  });

  test("before the zero request: there it is an answer too many (spec 4.6)", () => {
    const visit = introduced();
    expect(visit.session.phase).toBe("admission");
    expect(visit.answer(METHOD.name, encodeUtf8("ann")).rejection).toMatch(/^malformed: /);
    expect(updatesOf(visit)).toEqual([]);
  });
});

describe("limits", () => {
  test.each([
    { bytes: 2_048 - 4, word: undefined },
    { bytes: 2_048 - 3, word: "limit" },
  ])("of what is published: the new payload counts in place of the old, $bytes bytes", ({ bytes, word }) => {
    const visit = updater([[PRIVATE_USE, new Uint8Array(1_000)]]);
    expect(visit.answer(PRIVATE_USE, bytes).rejection?.split(":")[0]).toBe(word);
  });

  test("what an update freed is free for the next", () => {
    const visit = updater([[PRIVATE_USE, new Uint8Array(2_044)]]);
    visit.answer(PRIVATE_USE, 2_040).answer(METHOD.name, encodeUtf8("zoë zoo"));
    expect(visit.rejection).toBeUndefined();
    expect(visit.answer(PRIVATE_USE, 2_041).rejection).toMatch(/^limit: /);
  });

  test.each([
    { bytes: 4_096, word: undefined },
    { bytes: 4_097, word: "limit" },
  ])("of one payload, known with its length: $bytes bytes", ({ bytes, word }) => {
    const visit = updater([[PRIVATE_USE, NOTHING]], { options: { maxPublishedBytes: 10_000 } });
    visit.receive(encodeResponse(PRIVATE_USE, new Uint8Array(bytes)).subarray(0, 16));
    expect(visit.rejection?.split(":")[0]).toBe(word);
  });

  test("of the rate, which heartbeats and stray answers share", () => {
    const visit = updater();
    for (let i = 0; i < 20; i++) visit.answer(METHOD.name, encodeUtf8(`z${i}`));
    for (let i = 0; i < 10; i++) visit.heartbeat(0).answer(0, 0);
    expect(visit.rejection).toBeUndefined();
    expect(updatesOf(visit)).toHaveLength(20);
    expect(visit.answer(METHOD.name, encodeUtf8("z")).rejection).toMatch(/^rate: .* or updates a second/);
    expect(updatesOf(visit)).toHaveLength(20);
  });
});

test("what resume, update and session say is private: nobody is shown it", () => {
  const token = Uint8Array.of(1, 2, 3);
  const visit = updater([
    [METHOD.resume, token],
    [METHOD.session, NOTHING],
  ]);
  const { object } = visit.introduction as { object: Uint8Array };
  const shown = decoded(object);
  expect(shown.methods.map(({ index }) => index)).toEqual([METHOD.name]);
  expect(visit.introduction).toMatchObject({ wantsSessions: true, resumeToken: token });
  visit.answer(METHOD.name, encodeUtf8("ann"));
  expect(updatesOf(visit)[0]?.methods.map(({ index }) => index)).toEqual([METHOD.name]);
});

test("a client that sends much, and then one byte of the next packet, costs the server no more than that byte", () => {
  const visit = updater([[PRIVATE_USE, NOTHING]]);
  const update = encodeResponse(PRIVATE_USE, new Uint8Array(2_000));
  const trim = vi.spyOn(ByteQueue.prototype, "trim");
  visit.receive(concatBytes([...Array.from({ length: 30 }, () => update), update.subarray(0, 1)]));
  expect(visit.rejection).toBeUndefined();
  const [queue] = trim.mock.contexts as [ByteQueue];
  expect(queue.bytes.buffer.byteLength).toBe(2);
  trim.mockRestore();
});
