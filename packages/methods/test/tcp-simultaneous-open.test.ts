import { encodeListeningPorts } from "@lekt/protocol";
import { describe, expect, onTestFinished, test } from "vitest";
import { MAX_ANSWERS } from "../src/network/answer-tries.ts";
import { MAX_ANSWERED_ATTEMPTS, MAX_ANSWERED_ATTEMPTS_OF_PEER } from "../src/tcp/simultaneous-open.ts";
import type { TcpMethod } from "../src/tcp/tcp-method.ts";
import {
  closedPort,
  FakeAttempt,
  type FakeHost,
  IDENTITY_A,
  IDENTITY_B,
  LoopbackListener,
} from "./fake-host.ts";
import { LOOPBACK, method, serverAndFacts, text } from "./tcp-fixture.ts";

/** A peer behind a translator: it publishes no port. */
const HIDDEN = encodeListeningPorts({ port: 0, endpoints: [] });
const ATTEMPT = "0123456789abcdef";

function signal(type: string, rest: Record<string, unknown> = {}) {
  return { v: 1, type, attempt: ATTEMPT, method: "tcp", ...rest } as const;
}

async function nextSignal(host: FakeHost) {
  return (await host.signals.next()).message;
}

describe("simultaneous open, the dialling side", () => {
  async function dialling() {
    const a = await method();
    const control = await serverAndFacts();
    a.method.learned(control);
    const peer = { identity: IDENTITY_B, address: "127.0.0.1", payload: HIDDEN };
    const attempt = new FakeAttempt(peer, ATTEMPT);
    const path = a.method.dial(attempt);
    return { a, control, peer, attempt, path };
  }

  test("dials from the port of the connection to the server, to the port in the answer", async () => {
    const { a, control, peer, attempt, path } = await dialling();
    expect(await nextSignal(a.host)).toEqual(signal("offer", { port: control.publicPort }));
    const there = await LoopbackListener.listen();
    onTestFinished(() => there.close());
    a.method.received(peer, signal("answer", { port: there.port }));
    expect(await nextSignal(a.host)).toEqual(signal("go"));
    expect(await path).toMatchObject({
      dialled: "both",
      local: `127.0.0.1:${control.localPort}`,
      remote: `127.0.0.1:${there.port}`,
    });
    expect(attempt.candidates).toEqual([`tcp 127.0.0.1:${there.port}, simultaneous open`]);
    const socket = await there.sockets.next();
    expect(socket.remotePort).toBe(control.localPort);
    (await path).stream.destroy();
  });

  test("tries again where it is refused at first", async () => {
    const { a, peer, path } = await dialling();
    await nextSignal(a.host);
    const port = await closedPort();
    a.method.received(peer, signal("answer", { port }));
    await nextSignal(a.host);
    // Time for the first try, which a listener that came too late shows by nothing else.
    await new Promise((resolve) => setTimeout(resolve, 50));
    const there = await LoopbackListener.listen("127.0.0.1", port);
    onTestFinished(() => there.close());
    expect((await path).remote).toBe(`127.0.0.1:${port}`);
    (await path).stream.destroy();
  });

  test("offers again until it is answered, and believes nobody else", async () => {
    const { a, peer, path } = await dialling();
    await nextSignal(a.host);
    a.method.received({ ...peer, identity: "cc".repeat(32) }, signal("fail", { reason: "no" }));
    a.method.received({ ...peer, identity: "cc".repeat(32) }, signal("answer", { port: 1 }));
    a.method.received(peer, { ...signal("fail"), attempt: "fedcba9876543210" });
    a.method.received(peer, signal("what is this"));
    a.method.received(peer, signal("go"));
    expect(await nextSignal(a.host)).toMatchObject({ type: "offer" });
    a.method.received(peer, signal("fail", { reason: "not\u202e today" }));
    await expect(path).rejects.toThrow("simultaneous open: the peer says: not\\u{202e} today");
    await expect(path).rejects.toMatchObject({ code: "LEKT_CONNECT" });
  });

  test.each([0, 65_536, -1, 1.5, "22", null, undefined])("port %j in the answer ends it", async (port) => {
    const { a, peer, path } = await dialling();
    await nextSignal(a.host);
    a.method.received(peer, signal("answer", { port }));
    await expect(path).rejects.toThrow("simultaneous open: the port is none");
    expect(await nextSignal(a.host)).toMatchObject({ type: "fail" });
  });

  test.each([
    ["before the answer", false],
    ["while it dials", true],
  ])("aborted %s, it leaves nothing open and tells the peer", async (_, answered) => {
    const { a, peer, attempt, path } = await dialling();
    await nextSignal(a.host);
    if (answered) {
      a.method.received(peer, signal("answer", { port: await closedPort() }));
      expect(await nextSignal(a.host)).toMatchObject({ type: "go" });
    }
    attempt.abort.abort();
    await expect(path).rejects.toMatchObject({ code: "LEKT_ABORTED" });
    expect(await nextSignal(a.host)).toMatchObject({ type: "fail" });
    // The port is free for another attempt.
    const again = new FakeAttempt(peer, ATTEMPT);
    const second = a.method.dial(again);
    expect(await nextSignal(a.host)).toMatchObject({ type: "offer" });
    again.abort.abort();
    await expect(second).rejects.toMatchObject({ code: "LEKT_ABORTED" });
  });

  test("is not possible over two families, or where the server says no port", async () => {
    const a = await method();
    const peer = { identity: IDENTITY_B, address: "2a00::1", payload: HIDDEN };
    await expect(a.method.dial(new FakeAttempt(peer))).rejects.toThrow("does not say at which port");
    a.method.learned(await serverAndFacts());
    await expect(a.method.dial(new FakeAttempt(peer))).rejects.toThrow(
      "this machine is seen on IPv4, the peer on IPv6",
    );
    const unseen = { ...peer, address: undefined };
    await expect(a.method.dial(new FakeAttempt(unseen))).rejects.toThrow(
      "the address of the peer is not known",
    );
    expect(a.host.signals.size).toBe(0);
  });
});

describe("simultaneous open, the answering side", () => {
  async function answering(identity = IDENTITY_A) {
    const b = await method(LOOPBACK, identity);
    const control = await serverAndFacts();
    b.method.learned(control);
    const there = await LoopbackListener.listen();
    onTestFinished(() => there.close());
    const peer = { identity: IDENTITY_B, address: "127.0.0.1", payload: HIDDEN };
    return { b, control, there, peer };
  }

  test("answers, and dials when the other does", async () => {
    const { b, control, there, peer } = await answering();
    b.method.received(peer, signal("offer", { port: there.port }));
    expect(await nextSignal(b.host)).toEqual(signal("answer", { port: control.publicPort }));
    expect(there.openConnections).toBe(0);
    b.method.received(peer, signal("go"));
    const { path, by } = await b.host.acceptedPaths.next();
    expect(path).toMatchObject({ dialled: "both", local: `127.0.0.1:${control.localPort}` });
    expect(by).toEqual({ identity: IDENTITY_B, attempt: ATTEMPT });
    path.stream.end("hello");
    expect(await text(await there.sockets.next())).toBe("hello");
    path.stream.destroy();
  });

  test("answers a repeated offer alike, and dials once", async () => {
    const { b, there, peer } = await answering();
    b.method.received(peer, signal("offer", { port: there.port }));
    const first = await nextSignal(b.host);
    b.method.received(peer, signal("offer", { port: there.port }));
    expect(await nextSignal(b.host)).toEqual(first);
    b.method.received(peer, signal("go"));
    b.method.received(peer, signal("go"));
    const { path } = await b.host.acceptedPaths.next();
    path.stream.destroy();
    expect(b.host.acceptedPaths.size).toBe(0);
  });

  test("waits for the roster where it does not know the sender yet", async () => {
    const { b, there, peer } = await answering();
    b.method.received({ ...peer, address: undefined }, signal("offer", { port: there.port }));
    b.method.received(peer, signal("offer", { port: there.port }));
    expect(await nextSignal(b.host)).toMatchObject({ type: "answer" });
    expect(b.host.signals.size).toBe(0);
  });

  test("a further stream gets a port of its own where the router changes no numbers", async () => {
    const { b, control, there, peer } = await answering();
    const offer = (attempt: string) =>
      b.method.received(peer, { ...signal("offer", { port: there.port }), attempt });
    offer("00".repeat(8));
    offer("11".repeat(8));
    const answers = [await nextSignal(b.host), await nextSignal(b.host)];
    expect(answers[0]).toMatchObject({ attempt: "00".repeat(8), port: control.publicPort });
    expect(answers[1]).toMatchObject({ type: "answer", attempt: "11".repeat(8) });
    expect(answers[1]?.["port"]).not.toBe(control.publicPort);
    for (const { attempt } of answers) b.method.received(peer, { ...signal("go"), attempt });
    const paths = [await b.host.acceptedPaths.next(), await b.host.acceptedPaths.next()];
    for (const { path } of paths) path.stream.destroy();
  });

  test("a port whose number the router changes serves one connection", async () => {
    const { b, control, there, peer } = await answering();
    b.method.learned({ ...control, publicPort: (control.publicPort as number) ^ 1 });
    const offer = (attempt: string) =>
      b.method.received(peer, { ...signal("offer", { port: there.port }), attempt });
    offer("00".repeat(8));
    expect(await nextSignal(b.host)).toMatchObject({ type: "answer" });
    offer("11".repeat(8));
    expect(await nextSignal(b.host)).toMatchObject({
      type: "fail",
      reason: "the port that both know is in use between these two peers",
    });
    // Given up, it is free again.
    b.method.received(peer, { ...signal("fail"), attempt: "00".repeat(8) });
    await new Promise((resolve) => setImmediate(resolve));
    offer("22".repeat(8));
    expect(await nextSignal(b.host)).toMatchObject({ type: "answer" });
  });

  test.each([
    ["smaller", IDENTITY_A, "fail"],
    ["larger", "ff".repeat(32), "answer"],
  ])("both offer at once, and have one port: the %s identity", async (_, own, reply) => {
    const { b, control, there, peer } = await answering(own);
    b.method.learned({ ...control, publicPort: (control.publicPort as number) ^ 1 });
    const attempt = new FakeAttempt(peer, "ab".repeat(8));
    const path = b.method.dial(attempt);
    path.catch(() => {});
    expect(await nextSignal(b.host)).toMatchObject({ type: "offer" });
    b.method.received(peer, signal("offer", { port: there.port }));
    const replies = [await nextSignal(b.host)];
    if (reply === "answer") {
      await expect(path).rejects.toThrow("the peer dials at the same time");
      replies.push(await nextSignal(b.host));
    }
    expect(replies).toContainEqual(expect.objectContaining({ type: reply, attempt: ATTEMPT }));
    attempt.abort.abort();
  });

  test("so many attempts at once, of one peer and of all", async () => {
    const { b, there } = await answering();
    const offer = (peer: string, attempt: number) =>
      b.method.received(
        { identity: peer.repeat(32), address: "127.0.0.1", payload: HIDDEN },
        { ...signal("offer", { port: there.port }), attempt: attempt.toString(16).padStart(16, "0") },
      );
    let attempt = 0;
    const replies = async (count: number) => {
      const types: string[] = [];
      while (types.length < count) types.push((await nextSignal(b.host)).type);
      return types.sort();
    };
    const ofPeer = MAX_ANSWERED_ATTEMPTS_OF_PEER;
    for (let i = 0; i <= ofPeer; i++) offer("01", attempt++);
    expect(await replies(ofPeer + 1)).toEqual([...new Array(ofPeer).fill("answer"), "fail"]);
    const others = MAX_ANSWERED_ATTEMPTS - ofPeer;
    for (let i = 0; i < others; i++) offer(`1${Math.floor(i / ofPeer)}`, attempt++);
    expect(new Set(await replies(others))).toEqual(new Set(["answer"]));
    offer("09", attempt++);
    expect(await replies(1)).toEqual(["fail"]);
  });

  test.each([
    ["a port that is none", { port: 0 }, "127.0.0.1"],
    ["an address that is not for peers", { port: 22 }, "169.254.169.254"],
  ])("%s is refused, and nothing dialled", async (_, rest, address) => {
    const { b, peer } = await answering();
    b.method.received({ ...peer, address }, signal("offer", rest));
    expect(await nextSignal(b.host)).toMatchObject({ type: "fail", attempt: ATTEMPT });
  });

  test("the peer that gives up, or is gone, ends it", async () => {
    for (const giveUp of [
      (m: TcpMethod, peer: { identity: string; address: string; payload: Uint8Array }) =>
        m.received(peer, signal("fail")),
      (m: TcpMethod) => m.undeliverable(IDENTITY_B),
    ]) {
      const { b, there, peer } = await answering();
      b.method.received(peer, signal("offer", { port: there.port }));
      await nextSignal(b.host);
      giveUp(b.method, peer);
      b.method.received(peer, signal("go"));
      await new Promise((resolve) => setImmediate(resolve));
      b.method.received(peer, signal("offer", { port: there.port }));
      expect(await nextSignal(b.host)).toMatchObject({ type: "answer" });
      expect(there.openConnections).toBe(0);
    }
  });
});

describe("simultaneous open with a peer whose identity others show", () => {
  const peer = {
    identity: IDENTITY_B,
    address: "127.0.0.1",
    payload: HIDDEN,
    others: [{ address: "127.0.0.2", payload: HIDDEN }],
  };

  async function contested(identity = IDENTITY_A) {
    const a = await method(LOOPBACK, identity);
    const control = await serverAndFacts();
    a.method.learned(control);
    return { a, control };
  }

  async function dialling() {
    const { a } = await contested();
    const attempt = new FakeAttempt(peer, ATTEMPT);
    const path = a.method.dial(attempt);
    path.catch(() => {});
    expect(await nextSignal(a.host)).toMatchObject({ type: "offer" });
    onTestFinished(() => attempt.abort.abort());
    return { a, attempt, path };
  }

  async function listener(address: string) {
    const there = await LoopbackListener.listen(address);
    onTestFinished(() => there.close());
    return there;
  }

  test("the first to answer keeps nobody else from it, nor does a refusal", async () => {
    const { a, attempt, path } = await dialling();
    const [squatter, holder] = [await listener("127.0.0.1"), await listener("127.0.0.2")];
    a.method.received(peer, signal("answer", { port: 0 }));
    a.method.received(peer, signal("fail", { reason: "go away" }));
    a.method.undeliverable(IDENTITY_B);
    a.method.received(peer, signal("answer", { port: squatter.port }));
    expect((await path).remote).toBe(`127.0.0.1:${squatter.port}`);
    a.method.received(peer, signal("answer", { port: holder.port }));
    const next = await (await path).next;
    expect(next?.remote).toBe(`127.0.0.2:${holder.port}`);
    expect(attempt.notes).toContain("simultaneous open: the peer says: go away");
    attempt.abort.abort();
    expect(await next?.next).toBe(undefined);
    for (const one of [await path, next]) one?.stream.destroy();
  });

  test.each([
    ["so many answers are followed", 0],
    ["one more takes another one's place", 1],
  ])("%s", async (_, extra) => {
    const { a, attempt, path } = await dialling();
    const holder = await listener("127.0.0.2");
    const junk = Array.from({ length: MAX_ANSWERS - 1 + extra }, (_, i) => i + 1);
    for (const port of [...junk, holder.port]) a.method.received(peer, signal("answer", { port }));
    expect((await path).remote).toBe(`127.0.0.2:${holder.port}`);
    (await path).stream.destroy();
    // Beside those whose place was taken before they were dialled.
    await expect.poll(() => attempt.candidates.length).toBe(2 * MAX_ANSWERS);
  });

  test("who answers again is told again that it begins", async () => {
    const { a } = await dialling();
    const types: string[] = [];
    for (let i = 0; i < 2; i++) a.method.received(peer, signal("answer", { port: 9 }));
    while (types.length < 2) types.push((await nextSignal(a.host)).type);
    expect(types).toEqual(["go", "go"]);
  });

  test("where too many offer in its name, a further offer takes another one's place, and nobody is refused", async () => {
    const { a } = await contested();
    for (let i = 0; i < 3 * MAX_ANSWERED_ATTEMPTS_OF_PEER; i++) {
      const attempt = i.toString(16).padStart(16, "0");
      a.method.received(peer, { ...signal("offer", { port: 9 }), attempt });
      expect(await nextSignal(a.host)).toMatchObject({ type: "answer", attempt });
    }
  });

  test("an offer is followed to each address, and nobody ends it in the peer's name", async () => {
    const { a } = await contested();
    const holder = await listener("127.0.0.2");
    a.method.received(peer, signal("offer", { port: holder.port }));
    expect(await nextSignal(a.host)).toMatchObject({ type: "answer" });
    a.method.received(peer, signal("fail", { reason: "go away" }));
    a.method.received(peer, signal("go"));
    const { path, by } = await a.host.acceptedPaths.next();
    expect(path.remote).toBe(`127.0.0.2:${holder.port}`);
    expect(by).toEqual({ identity: IDENTITY_B, attempt: ATTEMPT });
    path.stream.destroy();
  });

  test("an offer in the peer's name takes no port from an own attempt", async () => {
    const { a, control } = await contested("ff".repeat(32));
    a.method.learned({ ...control, publicPort: (control.publicPort as number) ^ 1 });
    const attempt = new FakeAttempt(peer, "ab".repeat(8));
    const path = a.method.dial(attempt);
    expect(await nextSignal(a.host)).toMatchObject({ type: "offer" });
    a.method.received(peer, signal("offer", { port: 9 }));
    expect(await nextSignal(a.host)).toMatchObject({ type: "fail", attempt: ATTEMPT });
    const holder = await listener("127.0.0.2");
    a.method.received(peer, { ...signal("answer", { port: holder.port }), attempt: attempt.id });
    expect((await path).remote).toBe(`127.0.0.2:${holder.port}`);
    attempt.abort.abort();
    (await path).stream.destroy();
  });
});
