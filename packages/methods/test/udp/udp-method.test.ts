import type { Duplex } from "node:stream";
import { text } from "node:stream/consumers";
import {
  decodeUdp,
  type Endpoint,
  MAX_PACKETS_TO_OTHER_ADDRESS,
  type PeerSignal,
  type RawPath,
} from "@lekt/protocol";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { MAX_ANSWERS } from "../../src/network/answer-tries.ts";
import { MAX_ACCEPTING, MAX_ACCEPTING_OF_A_PEER } from "../../src/udp/udp-method.ts";
import { UdpNetwork } from "../../src/udp/udp-network.ts";
import { UdpSocket } from "../../src/udp/udp-socket.ts";
import { FakeAttempt, IDENTITY_A, IDENTITY_B } from "../fake-host.ts";
import { StunResponder } from "./stun-responder.ts";

import {
  type Change,
  connected,
  deadSocket,
  destroyLater,
  misled,
  pair,
  passOn,
  type Side,
  side,
} from "./udp-sides.ts";

describe("the method udp", () => {
  it("publishes no port, as streams have to be agreed on first", async () => {
    const { target } = await side(IDENTITY_A);
    expect(decodeUdp(target.payload as Uint8Array)).toEqual({ version: 1, port: 0, endpoints: [] });
  });

  it("connects two peers, both dialling, and says where", async () => {
    const [a, b] = await pair();
    const attempt = new FakeAttempt(b.target);
    const { here, there, by } = await connected(a, b, attempt);
    expect(by).toEqual({ identity: IDENTITY_A, attempt: attempt.id });
    expect(here).toMatchObject({ dialled: "both", relayed: false });
    expect([here.local, here.remote]).toEqual([there.remote, there.local]);
    expect(here.local).toMatch(/^127\.0\.0\.1:\d+$/);
    expect(attempt.candidates).toContain(`udp ${here.remote}, host`);
    here.stream.end("question");
    expect(await text(there.stream.iterator({ destroyOnReturn: false }))).toBe("question");
    there.stream.end("answer");
    expect(await text(here.stream)).toBe("answer");
  });

  it("carries many streams over one socket", async () => {
    const [a, b] = await pair();
    const attempts = Array.from({ length: 20 }, (_, i) => i.toString(16).padStart(16, "0"));
    const paths = await Promise.all(attempts.map((id) => a.method.dial(new FakeAttempt(b.target, id))));
    expect(new Set(paths.map(({ local }) => local)).size).toBe(1);
    for (const { stream } of paths) destroyLater(stream);
    const texts = new Map<string, string>();
    for (const [i, { stream }] of paths.entries()) stream.end(`stream ${attempts[i]}`);
    for (const _ of attempts) {
      const { path, by } = await b.host.acceptedPaths.next();
      destroyLater(path.stream);
      texts.set(by?.attempt as string, await text(path.stream));
    }
    for (const id of attempts) expect(texts.get(id)).toBe(`stream ${id}`);
  });

  it("learns from STUN how it is seen, and names that first", async () => {
    const seen = (from: Endpoint) => ({ address: "203.0.113.5", port: from.port ^ 1 });
    const servers = [await StunResponder.open(seen), await StunResponder.open(seen)];
    for (const server of servers) onTestFinished(() => server.close());
    const a = await side(IDENTITY_A, { publicAddress: "203.0.113.5", stun: servers.map(({ text }) => text) });
    const attempt = new FakeAttempt({ ...a.target, identity: IDENTITY_B });
    const dialling = a.method.dial(attempt);
    const { message } = await a.host.signals.next();
    expect(message).toMatchObject({ type: "offer", nat: "independent", round: 0, method: "udp", v: 1 });
    const [first] = message["candidates"] as Endpoint[];
    expect(first).toMatchObject({ kind: "reflexive", address: "203.0.113.5" });
    attempt.abort.abort();
    await expect(dialling).rejects.toMatchObject({ code: "LEKT_ABORTED" });
    expect((await a.host.signals.next()).message).toMatchObject({ type: "fail" });
  });

  it("asks no STUN server on its own machine for a server on another one", async () => {
    let asked = 0;
    const server = await StunResponder.open((from) => {
      asked++;
      return from;
    });
    onTestFinished(() => server.close());
    const stun = [server.text, "169.254.169.254:53", "localhost:9"];
    const a = await side(IDENTITY_A, { publicAddress: "203.0.113.5", localAddress: "10.0.0.5", stun });
    const dialling = a.method.dial(new FakeAttempt({ ...a.target, identity: IDENTITY_B }));
    dialling.catch(() => {});
    expect((await a.host.signals.next()).message).toMatchObject({ type: "offer", nat: "unknown" });
    a.method.undeliverable(IDENTITY_B);
    expect(asked).toBe(0);
  });

  it("says at once that there is no way between two symmetric networks", async () => {
    let port = 40_000;
    const servers = [await StunResponder.open(seen), await StunResponder.open(seen)];
    function seen(): Endpoint {
      return { address: "203.0.113.5", port: port++ };
    }
    for (const server of servers) onTestFinished(() => server.close());
    const stun = servers.map(({ text }) => text);
    const a = await side(IDENTITY_A, { publicAddress: "203.0.113.5", stun });
    const b = await side(IDENTITY_B, { publicAddress: "203.0.113.6", stun });
    // What else the machine that runs the test is connected to must not help.
    const reflexive: Change = (message) => {
      const { candidates } = message;
      if (!Array.isArray(candidates)) return message;
      return { ...message, candidates: candidates.filter(({ kind }) => kind === "reflexive") };
    };
    passOn(a, b, reflexive);
    passOn(b, a, reflexive);
    const attempt = new FakeAttempt(b.target);
    await expect(a.method.dial(attempt)).rejects.toMatchObject({
      code: "LEKT_CONNECT",
      message: expect.stringMatching(/both networks use another port for each destination/),
    });
    const rounds = attempt.notes.filter((note) => note.includes("round"));
    expect(rounds).toEqual(["address translation: symmetric here, symmetric there; round 1"]);
  });

  it("gives its own reason where both see none, however fast the peer's comes", async () => {
    const stun = [`127.0.0.1:${await deadSocket()}`];
    const a = await side(IDENTITY_A, { publicAddress: "203.0.113.5", stun });
    const b = await side(IDENTITY_B, { publicAddress: "203.0.113.6" });
    const dialling = a.method.dial(new FakeAttempt(b.target));
    dialling.catch(() => {});
    const signalOf = async ({ host }: Side) => {
      const { message } = await host.signals.next();
      return message.type === "fail" ? message : { ...message, candidates: [] };
    };
    b.method.received(a.target, await signalOf(a));
    const [answer, fail] = [await signalOf(b), await signalOf(b)];
    expect([answer.type, fail.type]).toEqual(["answer", "fail"]);
    a.method.received(b.target, answer);
    a.method.received(b.target, fail);
    await expect(dialling).rejects.toThrow("no UDP gets out of this network");
  });

  it("tries again from a new port where the first let nothing through", async () => {
    const dead = await deadSocket();
    const [a, b] = await pair({}, misled(1, dead));
    const attempt = new FakeAttempt(b.target);
    const { here, there } = await connected(a, b, attempt);
    expect(attempt.notes.some((note) => note.endsWith("round 2"))).toBe(true);
    here.stream.end("by another port");
    expect(await text(there.stream)).toBe("by another port");
  });

  it("offers again until the roster of the peer has it, and then connects once", async () => {
    const [a, b] = [await side(IDENTITY_A), await side(IDENTITY_B)];
    passOn(b, a);
    const dialling = a.method.dial(new FakeAttempt(b.target));
    const first = (await a.host.signals.next()).message;
    b.method.received({ ...a.target, address: undefined }, first);
    const second = (await a.host.signals.next()).message;
    expect(second).toEqual(first);
    for (let i = 0; i < 3; i++) b.method.received(a.target, second);
    const path = await dialling;
    const { path: there } = await b.host.acceptedPaths.next();
    for (const { stream } of [path, there]) destroyLater(stream);
    path.stream.end("once");
    expect(await text(there.stream)).toBe("once");
    expect(b.host.acceptedPaths.size).toBe(0);
  });

  it("tells the peer when it has begun to punch", async () => {
    const dead = await deadSocket();
    const [a, b] = [await side(IDENTITY_A), await side(IDENTITY_B)];
    const attempt = new FakeAttempt(b.target);
    const dialling = a.method.dial(attempt);
    const offer = misled(1, dead)((await a.host.signals.next()).message) as PeerSignal;
    b.method.received(a.target, offer);
    const answer = misled(1, dead)((await b.host.signals.next()).message) as PeerSignal;
    a.method.received(b.target, answer);
    let message: PeerSignal;
    do ({ message } = await a.host.signals.next());
    while (message.type === "offer");
    expect(message).toEqual({ v: 1, type: "go", attempt: attempt.id, method: "udp", round: 0 });
    attempt.abort.abort();
    await expect(dialling).rejects.toMatchObject({ code: "LEKT_ABORTED" });
  });

  it("leads to each who answers for an identity, on streams of their own", async () => {
    const [a, b, c] = [await side(IDENTITY_A), await side(IDENTITY_B), await side(IDENTITY_B)];
    const contested = { ...b.target, others: [c.target] };
    void (async () => {
      for (;;) {
        const { message } = await a.host.signals.next();
        for (const one of [b, c]) one.method.received(a.target, message);
      }
    })();
    for (const one of [b, c]) {
      passOn({ ...one, target: contested }, a, (message) => {
        // Whoever answers refuses for all, too.
        if (message.type === "answer") a.method.received(contested, { ...message, type: "fail" });
        return message;
      });
    }
    const attempt = new FakeAttempt(contested);
    const first = await a.method.dial(attempt);
    const second = (await first.next) as RawPath<Duplex>;
    attempt.abort.abort();
    expect(await second.next).toBe(undefined);
    for (const { stream } of [first, second]) destroyLater(stream);
    const there = [await b.host.acceptedPaths.next(), await c.host.acceptedPaths.next()];
    for (const { path } of there) destroyLater(path.stream);
    for (const [i, { path }] of there.entries()) path.stream.end(`I am ${"bc"[i]}`);
    expect((await Promise.all([text(first.stream), text(second.stream)])).sort()).toEqual([
      "I am b",
      "I am c",
    ]);
  });

  it.each([
    ["follows so many answers", 0],
    ["and one more in the place of another one", 1],
  ])("%s for an identity that several show", async (_, extra) => {
    const dead = await deadSocket();
    const [a, b] = [await side(IDENTITY_A), await side(IDENTITY_B)];
    const attempt = new FakeAttempt({ ...b.target, others: [b.target] });
    const path = a.method.dial(attempt);
    path.catch(() => {});
    b.method.received(a.target, (await a.host.signals.next()).message);
    const answer = (await b.host.signals.next()).message;
    for (let i = 0; i < MAX_ANSWERS - 1 + extra; i++) {
      const junk = { ...answer, secret: `${i}`.repeat(32) };
      a.method.received(b.target, misled(1, dead)(junk) as PeerSignal);
    }
    a.method.received(b.target, answer);
    const { path: there } = await b.host.acceptedPaths.next();
    for (const { stream } of [there, await path]) destroyLater(stream);
    const followed = attempt.notes.filter((note) => note.startsWith("address translation"));
    expect(followed.length).toBe(MAX_ANSWERS + extra);
    attempt.abort.abort();
  });

  it("goes on answering though somebody gives up, or begins a later round, in the peer's name", async () => {
    const [a, b] = [await side(IDENTITY_A), await side(IDENTITY_B)];
    const contested = { ...a.target, others: [{ address: "127.0.0.2", payload: a.target.payload }] };
    passOn(b, a);
    passOn({ ...a, target: contested }, b, (message) => {
      if (message.type === "offer") {
        setImmediate(() => {
          b.method.received(contested, { ...message, round: 2, secret: "ab".repeat(16), candidates: [] });
          b.method.received(contested, { ...message, type: "fail" });
        });
      }
      return message;
    });
    await connected(a, b);
  });

  it("goes on with what it answered though somebody who comes meanwhile gives up in the peer's name", async () => {
    const [a, b] = [await side(IDENTITY_A), await side(IDENTITY_B)];
    const contested = { ...a.target, others: [{ address: "127.0.0.2", payload: a.target.payload }] };
    const path = a.method.dial(new FakeAttempt(b.target));
    path.catch(() => {});
    b.method.received(a.target, (await a.host.signals.next()).message);
    const answer = (await b.host.signals.next()).message;
    b.method.received(contested, { ...answer, type: "fail", reason: "go away" });
    a.method.received(b.target, answer);
    const { path: there } = await b.host.acceptedPaths.next();
    for (const { stream } of [there, await path]) destroyLater(stream);
  });

  it("takes a further offer in the place of another one where too many come in the peer's name", async () => {
    const dead = await deadSocket();
    const [a, b] = [await side(IDENTITY_A), await side(IDENTITY_B)];
    const dialling = a.method.dial(new FakeAttempt(b.target));
    dialling.catch(() => {});
    const { message } = await a.host.signals.next();
    const contested = { ...a.target, others: [a.target] };
    const offer = (number: number, change: Change) =>
      b.method.received(contested, {
        ...(change(message) as PeerSignal),
        attempt: number.toString(16).padStart(16, "0"),
      });
    for (let i = 0; i < 2 * MAX_ACCEPTING_OF_A_PEER; i++) offer(i, misled(1, dead));
    b.method.received(contested, message);
    for (;;) {
      const answer = (await b.host.signals.next()).message;
      expect(answer.type).toBe("answer");
      if (answer.attempt !== message.attempt) continue;
      a.method.received(b.target, answer);
      break;
    }
    const { by, path } = await b.host.acceptedPaths.next();
    expect(by?.attempt).toBe(message.attempt);
    for (const { stream } of [path, await dialling]) destroyLater(stream);
  });

  it.each(["before", "while the peer is silent", "while it punches"])("is aborted %s", async (phase) => {
    const dead = await deadSocket();
    const [a, b] = [await side(IDENTITY_A), await side(IDENTITY_B)];
    const attempt = new FakeAttempt(b.target);
    if (phase === "before") attempt.abort.abort();
    const dialling = a.method.dial(attempt);
    if (phase === "while it punches") {
      const offer = misled(1, dead)((await a.host.signals.next()).message) as PeerSignal;
      b.method.received(a.target, offer);
      const answer = misled(1, dead)((await b.host.signals.next()).message) as PeerSignal;
      a.method.received(b.target, answer);
      await expect.poll(() => attempt.candidates.length).toBe(1);
    }
    if (phase === "while the peer is silent") await a.host.signals.next();
    attempt.abort.abort();
    await expect(dialling).rejects.toMatchObject({ code: "LEKT_ABORTED" });
    let { message } = await a.host.signals.next();
    if (phase === "while it punches" && message.type === "go") ({ message } = await a.host.signals.next());
    expect(message).toMatchObject({ type: "fail" });
    b.method.received(a.target, message);
    expect(b.host.acceptedPaths.size).toBe(0);
  });

  it("gives up at once where the peer cannot be signalled, or says that it gives up", async () => {
    const [a, b] = [await side(IDENTITY_A), await side(IDENTITY_B)];
    const first = a.method.dial(new FakeAttempt(b.target));
    await a.host.signals.next();
    a.method.undeliverable(IDENTITY_B);
    await expect(first).rejects.toMatchObject({
      code: "LEKT_CONNECT",
      message: expect.stringMatching(/pass the offer on/),
    });
    const attempt = new FakeAttempt(b.target);
    const second = a.method.dial(attempt);
    await expect.poll(() => a.host.signals.size).toBeGreaterThan(1);
    const fail = { v: 1, type: "fail", attempt: attempt.id, method: "udp", reason: "no\u001b[31m" } as const;
    // Nobody else can end it.
    a.method.received({ ...b.target, identity: "cc".repeat(32) }, { ...fail, reason: "somebody else" });
    a.method.received(b.target, fail);
    await expect(second).rejects.toThrow("the peer gave up: no?[31m");
  });

  it("holds so many attempts at once, of one peer and of all, and refuses one more", async () => {
    const dead = await deadSocket();
    const [a, b] = [await side(IDENTITY_A), await side(IDENTITY_B)];
    const dialling = a.method.dial(new FakeAttempt(b.target));
    dialling.catch(() => {});
    const offer = misled(1, dead)((await a.host.signals.next()).message) as PeerSignal;
    a.method.undeliverable(IDENTITY_B);
    let attempts = 0;
    const offers = async (peer: number, count: number) => {
      const target = { ...a.target, identity: peer.toString(16).padStart(64, "0") };
      for (let i = 0; i < count; i++) {
        b.method.received(target, { ...offer, attempt: (attempts++).toString(16).padStart(16, "0") });
      }
      const types: string[] = [];
      while (types.length < count) types.push((await b.host.signals.next()).message.type);
      return types.filter((type) => type === "fail").length;
    };
    expect(await offers(1, MAX_ACCEPTING_OF_A_PEER + 1)).toBe(1);
    let peers = 1;
    while (++peers * MAX_ACCEPTING_OF_A_PEER <= MAX_ACCEPTING)
      expect(await offers(peers, MAX_ACCEPTING_OF_A_PEER)).toBe(0);
    expect(await offers(peers, 1)).toBe(1);
  });

  it("sends no more than five packets to a strange address in an attempt, however often it is offered", async () => {
    const sent = vi.spyOn(UdpSocket.prototype, "send").mockImplementation(() => {});
    onTestFinished(() => sent.mockRestore());
    const stranger = "203.0.113.66";
    const b = await side(IDENTITY_B, { publicAddress: "203.0.113.6", localAddress: "10.0.0.6" });
    const from = { identity: IDENTITY_A, address: "203.0.113.5", payload: undefined };
    const offer = (number: number): PeerSignal => ({
      v: 1,
      type: "offer",
      attempt: "00112233aabbccdd",
      method: "udp",
      round: 0,
      secret: number.toString(16).padStart(32, "0"),
      stream: 1 + number,
      nat: "independent",
      candidates: [{ kind: "reflexive", address: stranger, port: 1_024 + number }],
    });
    b.method.received(from, offer(0));
    await b.host.signals.next();
    for (let i = 1; i < 20; i++) b.method.received(from, offer(i));
    // An attempt of another number is answered when those before have been looked at.
    b.method.received(from, { ...offer(0), attempt: "ff".repeat(8), candidates: [] });
    expect((await b.host.signals.next()).message).toMatchObject({ attempt: "ff".repeat(8) });
    const packets = sent.mock.calls.filter(([to]) => to.address === stranger);
    expect(packets.length).toBeGreaterThan(0);
    expect(packets.length).toBeLessThanOrEqual(MAX_PACKETS_TO_OTHER_ADDRESS);
    expect(new Set(packets.map(([to]) => to.port)).size).toBe(1);
  });

  it("leaves streams alone when it is closed, and dials no more", async () => {
    const [a, b] = await pair();
    const { here, there } = await connected(a, b);
    await Promise.all([a.method.close(), b.method.close()]);
    here.stream.end("still here");
    expect(await text(there.stream)).toBe("still here");
    await expect(a.method.dial(new FakeAttempt(b.target))).rejects.toMatchObject({ code: "LEKT_ABORTED" });
  });

  it("refuses a path whose stream's id a peer has taken meanwhile, and lives on", async () => {
    const [a, b] = [await side(IDENTITY_A), await side(IDENTITY_B)];
    const told: PeerSignal[] = [];
    passOn(a, b);
    passOn(b, a, (message) => {
      told.push(message);
      return message;
    });
    await connected(a, b);
    const [taken] = told;
    const { describe: describeOwn } = UdpNetwork.prototype;
    const spy = vi.spyOn(UdpNetwork.prototype, "describe").mockImplementation(async function (
      this: UdpNetwork,
      ...asked
    ) {
      return { ...(await describeOwn.apply(this, asked)), stream: taken?.["stream"] as number };
    });
    onTestFinished(() => spy.mockRestore());
    const again = new FakeAttempt(b.target, "0123456789abcdef");
    // It may have its path before it hears of that.
    const dialling = a.method
      .dial(again)
      .then(({ stream }) => destroyLater(stream))
      .catch(() => {});
    await expect
      .poll(() => told.at(-1))
      .toMatchObject({
        type: "fail",
        attempt: again.id,
        reason: "the id of the stream is in use",
      });
    again.abort.abort();
    await dialling;
    spy.mockRestore();
    await connected(a, b, new FakeAttempt(b.target, "fedcba9876543210"));
  });

  it("names what stands in the way of a peer", async () => {
    const { method, target } = await side(IDENTITY_A);
    expect(method.obstacle(target)).toBeUndefined();
    expect(method.obstacle({ ...target, payload: undefined })).toMatch(/does not offer/);
    expect(method.obstacle({ ...target, payload: Uint8Array.of(2, 0, 0) })).toMatch(/malformed/);
  });
});
