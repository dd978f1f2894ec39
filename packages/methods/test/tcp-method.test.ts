import { once } from "node:events";
import { connect } from "node:net";
import { encodeListeningPorts } from "@lekt/protocol";
import { describe, expect, onTestFinished, test } from "vitest";
import type { Gateway } from "../src/port-mapping/gateway.ts";
import { tcp } from "../src/tcp/index.ts";
import type { TcpOptions } from "../src/tcp/tcp-method.ts";
import { FakeAttempt, IDENTITY_A, IDENTITY_B, LoopbackListener, started } from "./fake-host.ts";
import { ended, facts, LOOPBACK, method, pair, ports, text } from "./tcp-fixture.ts";

test("a peer that names where this machine listens does not lead it to itself", async () => {
  const { a, peer } = await pair();
  const payload = await a.host.published.next();
  const attempt = new FakeAttempt({ ...peer, payload });
  const dialling = a.method.dial(attempt);
  await a.host.signals.next();
  expect(attempt.notes).toContain(
    `tcp 127.0.0.1:${ports(payload).port} is not dialled: this machine listens there`,
  );
  attempt.abort.abort();
  await expect(dialling).rejects.toMatchObject({ code: "LEKT_ABORTED" });
  expect(a.host.acceptedPaths.size).toBe(0);
});

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
    onTestFinished(() => one.method.close());
    one.method.learned(facts("127.0.0.1"));
    const { port } = ports(await one.host.published.next());
    for (const [host, shown] of [
      ["127.0.0.1", "127.0.0.1"],
      ["::1", "[::1]"],
    ] as const) {
      const socket = connect(port, host);
      onTestFinished(() => void socket.destroy());
      const { path, by } = await one.host.acceptedPaths.next();
      expect(path).toMatchObject({ dialled: "there", relayed: false, local: `${shown}:${port}` });
      expect(path.remote).toMatch(/^(127\.0\.0\.1|\[::1\]):\d+$/);
      expect(by).toBeUndefined();
      path.stream.destroy();
    }
  });

  test("a port in use is an error that says so", async () => {
    const taken = await LoopbackListener.listen();
    onTestFinished(() => taken.close());
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
      onTestFinished(() => void socket.destroy());
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
    onTestFinished(() => void polite.destroy());
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
    onTestFinished(() => victim.close());
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
