import { once } from "node:events";
import { connect } from "node:net";
import { type Duplex, finished } from "node:stream";
import {
  decodeListeningPorts,
  encodeListeningPorts,
  type ListeningPorts,
  type NetworkFacts,
} from "@lekt/protocol";
import { afterEach, describe, expect, test } from "vitest";
import type { Gateway } from "../src/port-mapping/gateway.ts";
import { tcp } from "../src/tcp/index.ts";
import { MAX_ANSWERED_ATTEMPTS, MAX_ANSWERED_ATTEMPTS_OF_PEER } from "../src/tcp/simultaneous-open.ts";
import { TcpMethod, type TcpOptions } from "../src/tcp/tcp-method.ts";
import {
  closedPort,
  controlConnection,
  FakeAttempt,
  type FakeHost,
  IDENTITY_A,
  IDENTITY_B,
  LoopbackListener,
  started,
} from "./fake-host.ts";

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

const LOOPBACK = { host: "127.0.0.1" };

async function method(
  options: TcpOptions = LOOPBACK,
  identity = IDENTITY_A,
  gateways?: ConstructorParameters<typeof TcpMethod>[1],
) {
  const one = await started(new TcpMethod(options, gateways), identity);
  closing.push(() => one.method.close());
  return one;
}

/** What the server tells one that it sees at `publicAddress`. */
function facts(publicAddress: string, localAddress = publicAddress): NetworkFacts {
  return { publicAddress, localAddress, publicPort: 1, localPort: 1, relay: undefined, stun: [] };
}

async function serverAndFacts() {
  const server = await LoopbackListener.listen();
  closing.push(() => server.close());
  const control = await controlConnection(server);
  closing.push(() => control.socket.destroy());
  return control.facts;
}

function ports(payload: Uint8Array): ListeningPorts {
  const decoded = decodeListeningPorts(payload);
  if (typeof decoded === "string") throw new Error(decoded);
  return decoded;
}

/** A as a dialling method, B as one that listens; both with the server on this machine. */
async function pair(optionsOfB: TcpOptions = LOOPBACK) {
  const a = await method();
  const b = await method(optionsOfB, IDENTITY_B);
  for (const { method: one } of [a, b]) one.learned(await serverAndFacts());
  const peer = { identity: IDENTITY_B, address: "127.0.0.1", payload: await b.host.published.next() };
  return { a, b, peer };
}

const ended = (stream: Duplex) => new Promise((resolve) => finished(stream, resolve));

async function text(stream: Duplex): Promise<string> {
  let all = "";
  stream.on("data", (chunk) => {
    all += chunk;
  });
  await once(stream, "end");
  return all;
}

describe("what is published", () => {
  test("is no port before the server has told where it sees this machine", async () => {
    const { payload } = await method();
    expect(ports(payload)).toEqual({ port: 0, endpoints: [] });
  });

  test("is the port where the public address is one of this machine's", async () => {
    const { method: one, host } = await method();
    one.learned(facts("127.0.0.1"));
    const { port, endpoints } = ports(await host.published.next());
    expect(port).toBeGreaterThan(0);
    expect(endpoints).toEqual([]);
    one.learned(facts("::ffff:127.0.0.1"));
    expect(host.published.size).toBe(0);
    one.learned({ ...facts("203.0.113.7", "127.0.0.1") });
    expect(ports(await host.published.next())).toEqual({ port: 0, endpoints: [] });
  });

  test("is the port and the family that the listener takes", async () => {
    const { method: one, host } = await method({ host: "::1" });
    one.learned(facts("::1"));
    expect(ports(await host.published.next()).port).toBeGreaterThan(0);
    one.learned(facts("127.0.0.1"));
    expect(ports(await host.published.next()).port).toBe(0);
  });

  test("is what the router maps, until the method is closed", async () => {
    let removed = 0;
    const mapped = { address: "203.0.113.21", port: 40_000, lifetimeMs: 3_600_000 };
    const gateway: Gateway = {
      protocol: "UPnP",
      map: async () => ({ ...mapped, remove: async () => void removed++ }),
    };
    const { method: one, host } = await method({ host: "0.0.0.0" }, IDENTITY_A, async function* () {
      yield gateway;
    });
    one.learned(facts("203.0.113.7", "192.168.1.2"));
    expect(ports(await host.published.next()).port).toBe(40_000);
    await one.close();
    expect(removed).toBe(1);
  });

  test("names the mapped port as a further endpoint where there is another router behind", async () => {
    const mapped = { address: "192.168.9.9", port: 40_000, lifetimeMs: 3_600_000 };
    const { method: one, host } = await method({ host: "0.0.0.0" }, IDENTITY_A, async function* () {
      yield { protocol: "UPnP", map: async () => ({ ...mapped, remove: async () => {} }) };
    });
    one.learned(facts("203.0.113.7", "192.168.1.2"));
    const { port, endpoints } = ports(await host.published.next());
    expect(port).toBe(0);
    expect(endpoints[0]).toEqual({ address: "192.168.9.9", port: 40_000 });
  });

  test("asks no router where it is told not to, or where there is none", async () => {
    let asked = 0;
    const gateways = async function* (): AsyncGenerator<Gateway> {
      asked++;
      yield* [];
    };
    const told = await method({ host: "0.0.0.0", portMapping: false }, IDENTITY_A, gateways);
    told.method.learned(facts("203.0.113.7", "192.168.1.2"));
    const open = await method({ host: "0.0.0.0" }, IDENTITY_A, gateways);
    open.method.learned(facts("127.0.0.1"));
    const ipv6 = await method({ host: "0.0.0.0" }, IDENTITY_A, gateways);
    ipv6.method.learned(facts("2a00::1"));
    expect(asked).toBe(0);
  });
});

describe("a report", () => {
  const ROUTER = { host: "0.0.0.0" };
  const router = (address: string): Gateway => ({
    protocol: "UPnP",
    map: async () => ({ address, port: 40_000, lifetimeMs: 3_600_000, remove: async () => {} }),
  });
  async function behind(gateways: readonly Gateway[], options: TcpOptions = ROUTER) {
    const { method: one } = await method(options, IDENTITY_A, async function* () {
      yield* gateways;
    });
    one.learned(facts("203.0.113.7", "192.168.1.2"));
    return one.report();
  }

  test("before the server has told anything", async () => {
    const { method: one } = await method();
    expect(await one.report()).toMatchObject({ method: "tcp", reach: "local" });
  });

  test("of a port that is open to all", async () => {
    const { method: one, host } = await method();
    one.learned(facts("::ffff:127.0.0.1"));
    const { port } = ports(await host.published.next());
    expect(await one.report()).toEqual({
      method: "tcp",
      reach: "open",
      openAt: { address: "127.0.0.1", port },
      portMapping: { state: "unneeded" },
    });
  });

  test("of one that the router has opened, to the internet or to another router", async () => {
    expect(await behind([router("203.0.113.21")])).toEqual({
      method: "tcp",
      reach: "open",
      openAt: { address: "203.0.113.7", port: 40_000 },
      portMapping: {
        state: "mapped",
        protocol: "UPnP",
        mapped: { address: "203.0.113.21", port: 40_000 },
      },
    });
    expect(await behind([router("192.168.9.9")])).toMatchObject({
      reach: "agreed",
      portMapping: { state: "mapped", mapped: { address: "192.168.9.9" } },
    });
  });

  test("of no open port", async () => {
    expect(await behind([])).toEqual({ method: "tcp", reach: "agreed", portMapping: { state: "absent" } });
    const portMapping = { state: "off" };
    expect(await behind([], { ...ROUTER, portMapping: false })).toMatchObject({
      reach: "agreed",
      portMapping,
    });
  });
});

describe("listening", () => {
  test("both families get through to all addresses", async () => {
    const one = await started(tcp({ portMapping: false }), IDENTITY_A);
    closing.push(() => one.method.close());
    one.method.learned(facts("127.0.0.1"));
    const { port } = ports(await one.host.published.next());
    for (const [host, shown] of [
      ["127.0.0.1", "127.0.0.1"],
      ["::1", "[::1]"],
    ] as const) {
      const socket = connect(port, host);
      closing.push(() => socket.destroy());
      const { path, by } = await one.host.acceptedPaths.next();
      expect(path).toMatchObject({ dialled: "there", relayed: false, local: `${shown}:${port}` });
      expect(path.remote).toMatch(/^(127\.0\.0\.1|\[::1\]):\d+$/);
      expect(by).toBeUndefined();
      path.stream.destroy();
    }
  });

  test("a port in use is an error that says so", async () => {
    const taken = await LoopbackListener.listen();
    closing.push(() => taken.close());
    const error = await started(tcp({ ...LOOPBACK, port: taken.port }), IDENTITY_A).catch((reason) => reason);
    expect(error).toMatchObject({ code: "LEKT_ADDRESS_IN_USE" });
    expect(error.message).toContain(`127.0.0.1:${taken.port}`);
    const nowhere = started(tcp({ host: "192.0.2.1" }), IDENTITY_A);
    await expect(nowhere).rejects.toMatchObject({ code: "LEKT_LISTEN" });
  });

  test("so many connections are open at once, and no more", async () => {
    const { b, peer } = await pair({ ...LOOPBACK, maxConnections: 2 });
    const { port } = ports(peer.payload);
    const dial = () => {
      const socket = connect(port, "127.0.0.1");
      socket.on("error", () => {});
      closing.push(() => socket.destroy());
      return socket;
    };
    const [first] = [dial(), dial()];
    const paths = [await b.host.acceptedPaths.next(), await b.host.acceptedPaths.next()];
    await ended(dial());
    expect(b.host.acceptedPaths.size).toBe(0);
    first?.destroy();
    await Promise.race(paths.map(({ path }) => once(path.stream.resume(), "end")));
    for (const { path } of paths) path.stream.destroy();
    await Promise.all(paths.map(({ path }) => ended(path.stream)));
    dial();
    await b.host.acceptedPaths.next();
  });

  test("what a stranger breaks ends that connection alone", async () => {
    const { b, peer } = await pair();
    const { port } = ports(peer.payload);
    const rude = connect(port, "127.0.0.1");
    await once(rude, "connect");
    const { path } = await b.host.acceptedPaths.next();
    rude.resetAndDestroy();
    await ended(path.stream);
    const polite = connect(port, "127.0.0.1");
    closing.push(() => polite.destroy());
    await b.host.acceptedPaths.next();
  });
});

describe("dialling an open port", () => {
  test("gives a stream with half-close in both directions", async () => {
    const { a, b, peer } = await pair();
    const attempt = new FakeAttempt(peer);
    const path = await a.method.dial(attempt);
    const { path: theirs } = await b.host.acceptedPaths.next();
    expect(path).toMatchObject({
      dialled: "here",
      relayed: false,
      local: theirs.remote,
      remote: theirs.local,
    });
    expect(attempt.candidates).toEqual([`tcp ${path.remote}, roster`]);
    path.stream.end("question");
    expect(await text(theirs.stream)).toBe("question");
    theirs.stream.end("answer");
    expect(await text(path.stream)).toBe("answer");
    expect(a.host.signals.size).toBe(0);
  });

  test("also by a further endpoint", async () => {
    const { a, peer } = await pair();
    const { port } = ports(peer.payload);
    const payload = encodeListeningPorts({ port: 0, endpoints: [{ address: "127.0.0.1", port }] });
    const path = await a.method.dial(new FakeAttempt({ ...peer, payload }));
    expect(path.remote).toBe(`127.0.0.1:${port}`);
    path.stream.destroy();
  });

  test("keeps to the rules on whom a peer may make it dial, and notes what it does not dial", async () => {
    const a = await method();
    const victim = await LoopbackListener.listen();
    closing.push(() => victim.close());
    a.method.learned({ ...facts("203.0.113.9", "192.168.1.2"), publicPort: undefined });
    const endpoints = ["127.0.0.1", "::1", "169.254.169.254", "10.0.0.1"].map((address) => ({
      address,
      port: victim.port,
    }));
    const attempt = new FakeAttempt({
      identity: IDENTITY_B,
      address: "127.0.0.1",
      payload: encodeListeningPorts({ port: victim.port, endpoints }),
    });
    await expect(a.method.dial(attempt)).rejects.toMatchObject({ code: "LEKT_CONNECT" });
    expect(attempt.candidates).toEqual([]);
    expect(attempt.notes.length).toBe(5);
    expect(victim.openConnections).toBe(0);
  });

  test("says why it cannot", async () => {
    const { a, peer } = await pair();
    expect(a.method.obstacle(peer)).toBeUndefined();
    expect(a.method.obstacle({ ...peer, payload: undefined })).toBe("the peer does not offer tcp");
    expect(a.method.obstacle({ ...peer, payload: Uint8Array.of(1) })).toBe(
      "what the peer says of tcp is malformed",
    );
  });

  test("nobody there: the error has the reason of each way", async () => {
    const { a, b, peer } = await pair();
    await b.method.close();
    const dialling = a.method.dial(new FakeAttempt(peer));
    const { to, message } = await a.host.signals.next();
    expect(message).toMatchObject({ v: 1, type: "offer", method: "tcp" });
    a.method.undeliverable(to);
    await expect(dialling).rejects.toMatchObject({
      code: "LEKT_CONNECT",
      message:
        "Cannot reach the peer by tcp: none of its addresses answers; simultaneous open: the peer takes no signals.",
    });
  });

  test("aborted before, it opens nothing; closed, it dials no more", async () => {
    const { a, b, peer } = await pair();
    const attempt = new FakeAttempt(peer);
    attempt.abort.abort();
    await expect(a.method.dial(attempt)).rejects.toMatchObject({ code: "LEKT_ABORTED" });
    await a.method.close();
    await expect(a.method.dial(new FakeAttempt(peer))).rejects.toMatchObject({ code: "LEKT_ABORTED" });
    expect(b.host.acceptedPaths.size).toBe(0);
  });

  test("streams live on after the method is closed", async () => {
    const { a, b, peer } = await pair();
    const path = await a.method.dial(new FakeAttempt(peer));
    const { path: theirs } = await b.host.acceptedPaths.next();
    await Promise.all([a.method.close(), b.method.close()]);
    path.stream.end("still here");
    expect(await text(theirs.stream)).toBe("still here");
    theirs.stream.destroy();
    await expect(a.method.dial(new FakeAttempt(peer))).rejects.toMatchObject({ code: "LEKT_ABORTED" });
  });
});

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
    closing.push(() => there.close());
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
    closing.push(() => there.close());
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
    closing.push(() => there.close());
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
