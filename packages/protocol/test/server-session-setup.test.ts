import { describe, expect, test } from "vitest";
import { METHOD } from "../src/method-list.ts";
import { decodeClientObject } from "../src/packets/client-object.ts";
import { encodeHandshake } from "../src/packets/handshake.ts";
import { encodeHeartbeat } from "../src/packets/heartbeat.ts";
import { encodeResponse } from "../src/packets/response.ts";
import type { ServerSessionOptions } from "../src/server-session.ts";
import { encodeUtf8 } from "../src/utf8.ts";
import { VISITOR_IP, Visit } from "./visit.ts";

const range = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, i) => first + i);
const empty = new Uint8Array(0);

/** The object that others will see. */
function objectOf(visit: Visit) {
  const { object } = visit.introduction as { object: Uint8Array };
  return decodeClientObject(object, 4, object.length - 4);
}

describe("what is asked", () => {
  const everything = range(1, 96);
  const asked = [...range(1, 4), ...range(7, 17), ...range(19, 24), ...range(26, 29), ...range(33, 64)];

  test("everything that is known or passed on, at once, ascending; reserved, unknown and from 65 on never", () => {
    const visit = new Visit().handshake(everything);
    expect(visit.packets[0]).toMatchObject({ type: "accept", version: { major: 1 } });
    expect(visit.requested).toEqual(asked);
    expect(visit.effects).toHaveLength(1);
  });

  test("a token only over a protected connection", () => {
    const visit = new Visit({ isProtected: true }).handshake(everything);
    expect(visit.requested).toEqual([...asked, METHOD.token].sort((a, b) => a - b));
  });

  test("nothing that the client did not set", () => {
    expect(new Visit().handshake([20, 33], 64).requested).toEqual([20, 33]);
  });

  test("n = 0: nothing, and the client is introduced as a bare address", () => {
    const visit = new Visit().handshake([]);
    expect(visit.packets.map(({ type }) => type)).toEqual(["accept"]);
    expect(visit.introduction).toMatchObject({ network: undefined, watch: false, ip: VISITOR_IP });
    expect(objectOf(visit)).toEqual({ ip: VISITOR_IP, methods: [] });
  });

  test("methods set and none of them asked: introduced, too", () => {
    expect(new Visit().handshake([5, 6, 18, 24, 65]).introduction).toBeDefined();
  });
});

describe("the introduction", () => {
  const identity = new Uint8Array(32).fill(7);
  const offers = new Map<number, Uint8Array>([
    [METHOD.tcp, Uint8Array.of(1, 2)],
    [METHOD.network, encodeUtf8("jeux")],
    [METHOD.token, Uint8Array.of(9)],
    [METHOD.identity, identity],
    [METHOD.name, encodeUtf8("zoë")],
    [METHOD.server, empty],
    [METHOD.watch, empty],
    [40, Uint8Array.of(4)],
  ]);

  test("says who the client is; its object has the published payloads alone, ascending", () => {
    const visit = new Visit({ isProtected: true }).introduce(offers);
    expect(visit.introduction).toMatchObject({
      network: "jeux",
      token: Uint8Array.of(9),
      identity,
      name: "zoë",
      watch: true,
      wantsServerInfo: true,
    });
    const published = [METHOD.tcp, METHOD.identity, METHOD.name, 40];
    expect(objectOf(visit)).toEqual({
      ip: VISITOR_IP,
      methods: published.map((index) => ({ index, payload: offers.get(index) })),
    });
  });

  test("of a client that says nothing says so", () => {
    const visit = new Visit().introduce(new Map([[METHOD.relay, empty]]));
    expect(visit.introduction).toMatchObject({
      network: undefined,
      token: undefined,
      identity: undefined,
      name: undefined,
      watch: false,
      wantsServerInfo: false,
    });
  });

  test("over IPv6 the object gets the attribute ipv6, in its place, whatever the client set", () => {
    const ipv6 = new Uint8Array(16).fill(3);
    const visit = new Visit({ ipv6 }).handshake([METHOD.tcp, METHOD.data, METHOD.ipv6, 33]);
    expect(visit.requested).toEqual([METHOD.tcp, METHOD.data, 33]);
    visit.answer(METHOD.tcp, 2).answer(METHOD.data, 0).answer(33, 1);
    expect(objectOf(visit)).toMatchObject({
      methods: [{ index: 1 }, { index: 21 }, { index: 25, payload: ipv6 }, { index: 33 }],
    });
  });

  test("comes once, and the zero request only when the client was admitted, once", () => {
    const visit = new Visit().handshake([METHOD.relay, METHOD.webrtc]);
    visit.session.admit(0);
    visit.answer(METHOD.relay, 0);
    expect(visit.introduction).toBeUndefined();
    visit.answer(METHOD.webrtc, 0);
    expect(visit.introduction).toBeDefined();
    expect(visit.requested).toEqual([3, 4]);
    expect(visit.session.phase).toBe("admission");
    visit.session.admit(0);
    visit.session.admit(0);
    expect(visit.requested).toEqual([3, 4, 0]);
    expect(visit.effects.filter(({ type }) => type === "introduced")).toHaveLength(1);
    expect(visit.session.phase).toBe("heartbeat");
  });
});

describe("limits, on both sides of their edge, when the length is read", () => {
  interface Edge {
    readonly limit: string;
    readonly options?: ServerSessionOptions;
    readonly known?: number;
    /** Lengths of the answers for 33, 34, …, or for the token; of the last one the payload never comes. */
    readonly lengths?: readonly number[];
    readonly token?: number;
    readonly refused?: RegExp;
  }

  const wide = { maxPublishedBytes: 100_000 };
  const edges: Edge[] = [
    { limit: "1,024 known methods", known: 1_024 },
    { limit: "1,025 known methods", known: 1_025, refused: /^limit: .*1024 known methods/ },
    { limit: "maxKnownMethods", known: 50, options: { maxKnownMethods: 50 } },
    { limit: "maxKnownMethods", known: 51, options: { maxKnownMethods: 50 }, refused: /^limit: .*50 known/ },
    { limit: "payload of 4,096", token: 4_096 },
    { limit: "payload of 4,097", token: 4_097, refused: /^limit: .*method 18 \(token\).*4096/ },
    { limit: "maxPayloadBytes", lengths: [10], options: { maxPayloadBytes: 10 } },
    {
      limit: "maxPayloadBytes",
      lengths: [11],
      options: { maxPayloadBytes: 10 },
      refused: /^limit: .*method 33/,
    },
    { limit: "16,384 in all", lengths: [4_096, 4_096, 4_096, 4_000, 96], options: wide },
    {
      limit: "16,385 in all",
      lengths: [4_096, 4_096, 4_096, 4_000, 97],
      options: wide,
      refused: /^limit: all .*16384/,
    },
    { limit: "maxTotalPayloadBytes", lengths: [20, 30], options: { maxTotalPayloadBytes: 50 } },
    {
      limit: "maxTotalPayloadBytes",
      lengths: [20, 31],
      options: { maxTotalPayloadBytes: 50 },
      refused: /^limit: all/,
    },
    { limit: "2,048 published", lengths: [2_000, 48] },
    { limit: "2,049 published", lengths: [2_000, 49], refused: /^limit: the published .*2048/ },
    { limit: "maxPublishedBytes", lengths: [1, 2], options: { maxPublishedBytes: 3 } },
    {
      limit: "maxPublishedBytes",
      lengths: [1, 3],
      options: { maxPublishedBytes: 3 },
      refused: /^limit: the published/,
    },
    { limit: "private payloads are not published", token: 10, options: { maxPublishedBytes: 3 } },
  ];

  test.each(edges)("$limit: refused $refused", ({ options = {}, known, lengths = [], token, refused }) => {
    const visit = new Visit({ options, isProtected: true });
    const answers =
      token === undefined ? lengths.map((length, i) => [33 + i, length] as const) : [[18, token] as const];
    const methods = answers.map(([method]) => method);
    const handshake = encodeHandshake(known ?? Math.max(0, ...methods), methods);
    if (known !== undefined) visit.receive(handshake.subarray(0, 12));
    else visit.receive(handshake);
    for (const [method, length] of answers.slice(0, -1)) visit.answer(method, length);
    for (const [method, length] of answers.slice(-1)) {
      const head = encodeResponse(method, new Uint8Array(length)).subarray(0, 16);
      visit.receive(head.subarray(0, 15));
      expect(visit.rejection).toBeUndefined();
      visit.receive(head.subarray(15));
    }
    if (refused) expect(visit.rejection).toMatch(refused);
    else expect(visit.rejection).toBeUndefined();
  });
});

describe("a wrong answer", () => {
  test.each([
    { answer: [2, 3], says: "malformed: a response for method 2 where method 1 (tcp) was asked" },
    { answer: [1, 1], says: "malformed: the payload of method 1 (tcp): too short for a port" },
    { answer: [0, 0], says: "malformed: a response for method 0 where method 1 (tcp) was asked" },
  ])("$answer: $says", ({ answer: [method = 0, length = 0], says }) => {
    expect(new Visit().handshake([1, 2]).answer(method, length).rejection).toBe(says);
  });

  test("the message repeats nothing that the client sent", () => {
    const visit = new Visit().handshake([METHOD.name]).answer(METHOD.name, encodeUtf8("RAW\n"));
    expect(visit.rejection).toBe(
      "malformed: the payload of method 20 (name): it contains control characters",
    );
  });

  test.each([
    { name: "a heartbeat", packet: encodeHeartbeat(0n) },
    { name: "an answer too many", packet: encodeResponse(METHOD.relay, empty) },
    { name: "an answer for index 0", packet: encodeResponse(0, empty) },
  ])("before the zero request: $name", ({ packet }) => {
    const visit = new Visit().introduce(new Map([[METHOD.relay, empty]]));
    expect(visit.receive(packet).rejection).toMatch(/^malformed: /);
  });

  test("another major version: both versions are named", () => {
    const visit = new Visit().receive(
      encodeHandshake(0, [], { major: 2, minor: 3, extra: 4 }).subarray(0, 8),
    );
    expect(visit.rejection).toBe("version: this server speaks 1.0.0, the client 2.3.4");
  });
});

describe("the deadline for handshake and setup", () => {
  test.each([
    { phase: "handshake", go: () => new Visit({ nowMs: 500 }) },
    { phase: "setup", go: () => new Visit({ nowMs: 500 }).handshake([1]) },
    { phase: "admission", go: () => new Visit({ nowMs: 500 }).handshake([]) },
  ])("is 10 s after the connection, also in the $phase", ({ phase, go }) => {
    const visit = go();
    expect(visit.session.phase).toBe(phase);
    expect(visit.session.deadlineMs).toBe(10_500);
    visit.session.onDeadline(10_499);
    expect(visit.rejection).toBeUndefined();
    visit.session.onDeadline(10_500);
    expect(visit.rejection).toBe("timeout: handshake and setup took too long");
  });

  test("is not put off by bytes that trickle in", () => {
    const visit = new Visit({ options: { setupTimeoutMs: 1_000 } });
    for (const [i, byte] of encodeHandshake(1, [1]).entries()) visit.receive(Uint8Array.of(byte), i);
    expect(visit.session.deadlineMs).toBe(1_000);
  });
});

describe("a Reject", () => {
  test("is the last word: nothing is read after it, and nothing more is sent", () => {
    const visit = new Visit();
    visit.session.reject("shutdown", "the server is going down", 7);
    visit.session.reject("kicked", "again", 8);
    visit.handshake([1]);
    visit.session.admit(9);
    visit.session.onDeadline(1e9);
    expect(visit.packets).toEqual([
      expect.objectContaining({ type: "reject", message: "shutdown: the server is going down" }),
    ]);
    expect(visit.session.phase).toBe("rejected");
    expect(visit.effects).toHaveLength(1);
  });

  test("leaves a second to read and throw away", () => {
    const visit = new Visit();
    visit.session.reject("limit", "full", 7);
    expect(visit.session.deadlineMs).toBe(1_007);
  });

  test("comes after the packets before the fault, and stops what follows it", () => {
    const visit = new Visit().receive(
      Buffer.concat([encodeHandshake(1, [1]), Buffer.from("junk"), encodeResponse(1, new Uint8Array(2))]),
    );
    expect(visit.packets.map(({ type }) => type)).toEqual(["accept", "request", "reject"]);
    expect(visit.introduction).toBeUndefined();
  });
});
