import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { buffer, text } from "node:stream/consumers";
import type { RelayMethodOptions } from "@lekt/methods/relay";
import { LektError, METHOD, type PeerSignal, type RawPath } from "@lekt/protocol";
import { describe, expect, onTestFinished, test } from "vitest";
import { listeningRelay, RelayPeer } from "./relay-pair.ts";

/** Two peers of one server, whose signals reach each other. */
async function peers(
  options?: RelayMethodOptions,
): Promise<{ ada: RelayPeer; bob: RelayPeer; relay: string }> {
  const relay = await listeningRelay();
  const ada = await new RelayPeer("a", relay, options).start(relay);
  const bob = await new RelayPeer("b", relay, options).start(relay);
  ada.signalsTo(bob);
  bob.signalsTo(ada);
  return { ada, bob, relay };
}

async function connected(ada: RelayPeer, bob: RelayPeer): Promise<[RawPath<Duplex>, RawPath<Duplex>]> {
  const attempt = ada.attempt(bob);
  const path = await ada.method.dial(attempt);
  onTestFinished(() => {
    path.stream.destroy();
  });
  const isIt = ({ by }: { by: { attempt: string } | undefined }) => by?.attempt === attempt.id;
  await bob.until(() => bob.acceptedPaths.some(isIt));
  return [path, bob.acceptedPaths.find(isIt)?.path as RawPath<Duplex>];
}

/** A port of this machine that notes who comes and says nothing. */
async function trap(): Promise<{ address: string; visits: Socket[] }> {
  const visits: Socket[] = [];
  const server = createServer((socket) => {
    socket.on("error", () => {});
    visits.push(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.close();
    for (const socket of visits) socket.destroy();
  });
  return { address: `127.0.0.1:${(server.address() as { port: number }).port}`, visits };
}

describe("two peers", () => {
  test("meet also where the one is signalled before it knows that the other is there", async () => {
    const { ada, bob } = await peers();
    let early = 0;
    const bobHears = ada.deliver;
    ada.deliver = (to, message) => {
      const stranger = { identity: ada.identity, address: undefined, payload: undefined };
      if (early++ === 0) bob.method.received(stranger, message);
      else bobHears(to, message);
    };
    await connected(ada, bob);
    expect(early).toBeGreaterThan(1);
    expect(bob.sent).toEqual([]);
  });

  test("meet at their server's relay", async () => {
    const { ada, bob, relay } = await peers();
    const attempt = ada.attempt(bob);
    const path = await ada.method.dial(attempt);
    await bob.until(() => bob.acceptedPaths.length === 1);
    const accepted = bob.acceptedPaths[0];
    expect(accepted?.by).toEqual({ identity: ada.identity, attempt: attempt.id });
    for (const end of [path, accepted?.path]) {
      expect(end).toMatchObject({ dialled: "both", relayed: true, remote: relay });
      expect(end?.local).toMatch(/^127\.0\.0\.1:\d+$/);
    }
    expect(attempt.told).toEqual([`relay ${relay}`]);
    path.stream.end("hello");
    accepted?.path.stream.end("hello yourself");
    expect(await text(path.stream)).toBe("hello yourself");
    expect(await text(accepted?.path.stream as Duplex)).toBe("hello");
  });

  test("have bytes that come at once behind the Accept", async () => {
    const { ada, bob } = await peers();
    const sent = randomBytes(1_000_000);
    const accept = bob.accepted.bind(bob);
    bob.accepted = (path, by) => {
      path.stream.end(sent);
      accept(path, by);
    };
    const [path] = await connected(ada, bob);
    expect((await buffer(path.stream)).equals(sent)).toBe(true);
  });

  test("may have many circuits at once", async () => {
    const { ada, bob } = await peers();
    const pairs = await Promise.all(Array.from({ length: 30 }, () => connected(ada, bob)));
    for (const [i, [path]] of pairs.entries()) path.stream.end(`stream ${i}`);
    const texts = await Promise.all(pairs.map(([, accepted]) => text(accepted.stream)));
    expect(texts).toEqual(pairs.map((_, i) => `stream ${i}`));
  });

  test("need no common name for the relay", async () => {
    const relay = await listeningRelay();
    const ada = await new RelayPeer("a", relay).start(relay);
    const bob = await new RelayPeer("b", relay).start(relay.replace("127.0.0.1", "localhost"));
    ada.signalsTo(bob);
    await connected(ada, bob);
  });
});

test("where others show the peer's identity, each who answers is met on a circuit of its own", async () => {
  const { ada, bob, relay } = await peers();
  const eve = await new RelayPeer("b", relay).start(relay);
  eve.signalsTo(ada);
  ada.deliver = (_to, message) => {
    for (const one of [eve, bob]) one.method.received(one.peer(ada.identity), message);
  };
  for (const [name, one] of Object.entries({ bob, eve })) {
    one.accepted = ({ stream }) => void stream.on("error", () => {}).write(name);
  }
  const controller = new AbortController();
  const attempt = ada.attempt(bob, controller.signal);
  const contested = { ...attempt.peer, others: [eve.peer(eve.identity)] };
  const dialled = ada.method.dial({ ...attempt, peer: contested });
  await ada.until(() => ada.sent.length > 0);
  const fail = { v: 1, type: "fail", attempt: attempt.id, method: "relay", reason: "go away" } as const;
  ada.method.received(contested, fail);
  ada.method.undeliverable(bob.identity);
  const heard = new Set<string>();
  const listen = async (path: RawPath<Duplex> | undefined): Promise<void> => {
    path?.stream
      .on("error", () => {})
      .on("data", (name) => heard.add(String(name)))
      .resume();
    onTestFinished(() => void path?.stream.destroy());
    if (path) await listen(await path.next);
  };
  void listen(await dialled);
  await expect.poll(() => [...heard].sort()).toEqual(["bob", "eve"]);
  controller.abort();
  expect(ada.sent[0]).toMatchObject({ type: "offer", want: "circuit" });
  expect(bob.sent.map(({ type }) => type)).toContain("answer");
  expect(attempt.told).toContain("The peer is not there to be told of the relay.");
});

test("8 answers for an identity that several show are followed, each once, one after the other", async () => {
  const { ada, bob, relay } = await peers();
  ada.deliver = () => {};
  const controller = new AbortController();
  const attempt = ada.attempt(bob, controller.signal);
  const contested = { ...attempt.peer, others: [attempt.peer] };
  const dialled = ada.method.dial({ ...attempt, peer: contested });
  dialled.catch(() => {});
  await ada.until(() => ada.sent.length > 0);
  for (let i = 1; i <= 8; i++) {
    const token = `${i}`.repeat(64);
    const answer = { v: 1, type: "answer", attempt: attempt.id, method: "relay", token, relay } as const;
    for (let again = 0; again < 2; again++) ada.method.received(contested, answer);
  }
  const followed = () => attempt.told.filter((text) => text === `relay ${relay}`).length;
  // The circuit in the offer, and the first of the answers.
  await expect.poll(followed).toBeGreaterThanOrEqual(2);
  await expect.poll(followed).toBe(1 + 8);
  controller.abort();
  await expect(dialled).rejects.toMatchObject({ code: "LEKT_ABORTED" });
});

describe("a peer is led to no other relay than its server's", () => {
  test("unless its user allowed it", async () => {
    const { ada, bob } = await peers();
    const elsewhere = await trap();
    ada.circuit = async () => ({ token: "00".repeat(32), relay: elsewhere.address, expiresUnixSeconds: 0 });
    const controller = new AbortController();
    const dialled = ada.method.dial(ada.attempt(bob, controller.signal));
    // The own server's relay does not know that token.
    await expect(dialled).rejects.toMatchObject({
      code: "LEKT_CONNECT",
      message: expect.stringContaining("auth: this token is not"),
    });
    expect(elsewhere.visits.length).toBeLessThanOrEqual(1);
    const free = await peers({ foreignRelays: true });
    const other = await listeningRelay();
    const { circuit } = free.ada;
    free.ada.circuit = async () => ({ ...(await circuit()), relay: other });
    const [path, accepted] = await connected(free.ada, free.bob);
    expect([path.remote, accepted.remote]).toEqual([other, other]);
  });

  test.each(["127.0.0.1", "localhost"])(
    "and to none on its own machine (%s) by a server elsewhere",
    async (host) => {
      const elsewhere = await trap();
      const relay = elsewhere.address.replace("127.0.0.1", host);
      const far = {
        publicAddress: "203.0.113.7",
        publicPort: 1,
        localAddress: "10.0.0.7",
        localPort: 1,
        relay,
        stun: [],
      };
      const ada = await new RelayPeer("a", relay).start(relay);
      const bob = await new RelayPeer("b", relay, { foreignRelays: true }).start(relay);
      bob.signalsTo(ada);
      for (const { method } of [ada, bob]) method.learned(far);
      const refused = { code: "LEKT_CONNECT", message: expect.stringContaining("a loopback address") };
      await expect(ada.method.dial(ada.attempt(bob))).rejects.toMatchObject(refused);
      ada.signalsTo(bob);
      ada.signal(bob.identity, ada.sent[0] as PeerSignal);
      await bob.until(() => bob.sent.some(({ reason }) => String(reason).includes("a loopback address")));
      expect(elsewhere.visits).toEqual([]);
    },
  );

  test("and says so where its server has none", async () => {
    const relay = await listeningRelay();
    const ada = await new RelayPeer("a", relay).start(relay);
    const bob = await new RelayPeer("b", relay).start(undefined);
    ada.signalsTo(bob);
    bob.signalsTo(ada);
    await expect(ada.method.dial(ada.attempt(bob))).rejects.toMatchObject({
      code: "LEKT_CONNECT",
      message: "The peer cannot be reached by the relay: this peer knows no relay of its server",
    });
  });
});

describe("an attempt that fails", () => {
  test("where the server gives no circuit: for that reason, and nobody is told", async () => {
    const { ada, bob } = await peers();
    ada.circuit = () => Promise.reject(new Error("no circuit to give"));
    await expect(ada.method.dial(ada.attempt(bob))).rejects.toThrow("no circuit to give");
    expect(ada.sent).toEqual([]);
  });

  test.each(["nonsense", "127.0.0.1", "127.0.0.1:0", "a b:1"])(
    "where the circuit is at '%s'",
    async (relay) => {
      const { ada, bob } = await peers();
      ada.circuit = async () => ({ token: "00".repeat(32), relay, expiresUnixSeconds: 0 });
      await expect(ada.method.dial(ada.attempt(bob))).rejects.toMatchObject({ code: "LEKT_PROTOCOL" });
    },
  );

  test("where nobody has the identity: at once", async () => {
    const { ada, bob } = await peers();
    ada.deliver = (to, { type }) => {
      if (type === "offer") ada.method.undeliverable(to);
    };
    await expect(ada.method.dial(ada.attempt(bob))).rejects.toMatchObject({ code: "LEKT_CONNECT" });
    expect(ada.sent.map(({ type }) => type)).toEqual(["offer"]);
  });

  test("where the relay is not there, tells the other side", async () => {
    const { ada, bob } = await peers();
    ada.circuit = async () => ({ token: "00".repeat(32), relay: "127.0.0.1:1", expiresUnixSeconds: 0 });
    ada.deliver = () => {};
    await expect(ada.method.dial(ada.attempt(bob))).rejects.toMatchObject({ code: "LEKT_CONNECT" });
    expect(ada.sent.at(-1)).toMatchObject({ type: "fail", reason: expect.stringContaining("127.0.0.1:1") });
  });

  test("where something else than a relay listens", async () => {
    const { ada, bob } = await peers();
    const web = createServer((socket) => {
      socket.on("error", () => {});
      socket.end("HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    web.listen(0, "127.0.0.1");
    await once(web, "listening");
    onTestFinished(() => {
      web.close();
    });
    const relay = `127.0.0.1:${(web.address() as { port: number }).port}`;
    ada.circuit = async () => ({ token: "00".repeat(32), relay, expiresUnixSeconds: 0 });
    ada.deliver = () => {};
    await expect(ada.method.dial(ada.attempt(bob))).rejects.toMatchObject({ code: "LEKT_NOT_LEKT" });
  });

  test.each(["before the circuit", "before the Accept"])(
    "because it was aborted %s leaves nothing",
    async (when) => {
      const { ada, bob } = await peers();
      const controller = new AbortController();
      const silent = await trap();
      if (when === "before the circuit") {
        ada.circuit = () => {
          queueMicrotask(() => controller.abort());
          return new Promise(() => {});
        };
      } else {
        ada.circuit = async () => ({ token: "00".repeat(32), relay: silent.address, expiresUnixSeconds: 0 });
        ada.deliver = (_to, { type }) => {
          if (type === "offer") setImmediate(() => controller.abort());
        };
      }
      const dialled = ada.method.dial(ada.attempt(bob, controller.signal));
      await expect(dialled).rejects.toMatchObject({ code: "LEKT_ABORTED" });
      const closing = silent.visits.filter((socket) => !socket.closed);
      await Promise.all(closing.map((socket) => once(socket.resume(), "close")));
      expect(bob.acceptedPaths).toEqual([]);
    },
  );

  test("aborted before it began does nothing", async () => {
    const { ada, bob } = await peers();
    const aborted = AbortSignal.abort();
    await expect(ada.method.dial(ada.attempt(bob, aborted))).rejects.toMatchObject({ code: "LEKT_ABORTED" });
    expect(ada.sent).toEqual([]);
  });

  test("because the method is closed", async () => {
    const { ada, bob } = await peers();
    ada.deliver = () => {};
    const dialled = ada.method.dial(ada.attempt(bob));
    await ada.until(() => ada.sent.length === 1);
    await ada.method.close();
    await expect(dialled).rejects.toMatchObject({ code: "LEKT_CLOSED" });
  });

  test("on the dialing side ends the other one's, too", async () => {
    const { ada, bob } = await peers();
    const silent = await trap();
    bob.method.learned({
      publicAddress: "127.0.0.1",
      publicPort: 1,
      localAddress: "127.0.0.1",
      localPort: 1,
      relay: silent.address,
      stun: [],
    });
    const controller = new AbortController();
    const dialled = ada.method.dial(ada.attempt(bob, controller.signal));
    await expect.poll(() => silent.visits.length).toBe(1);
    const [visit] = silent.visits;
    const gone = once(visit?.resume() as Socket, "close");
    controller.abort();
    await expect(dialled).rejects.toMatchObject({ code: "LEKT_ABORTED" });
    await gone;
    expect(bob.sent).toEqual([]);
  });
});

describe("offers", () => {
  const token = "00".repeat(32);
  const offer = {
    v: 1,
    type: "offer",
    attempt: "0".repeat(16),
    method: "relay",
    token,
    relay: "127.0.0.1:1",
  } as const;

  test.each([
    [{ token: undefined }],
    [{ token: token.slice(1) }],
    [{ token: `${token}00` }],
    [{ token: token.replace("0", "G") }],
    [{ token: 7 }],
    [{ relay: undefined }],
    [{ relay: "x".repeat(301) }],
    [{ type: "unknown" }],
  ])("that make no sense are passed over: %o", async (change) => {
    const { ada, bob } = await peers();
    bob.method.received(bob.peer(ada.identity), { ...offer, ...change });
    await new Promise((resolve) => setImmediate(resolve));
    expect(bob.sent).toEqual([]);
  });

  test("so many at once and no more, of one peer and of all", async () => {
    const silent = await trap();
    const options = { maxOffers: 3, maxOffersPerPeer: 2 };
    const bob = await new RelayPeer("b", silent.address, options).start(silent.address);
    const follow = (letter: string, n: number) =>
      bob.method.received(bob.peer(letter.repeat(64)), { ...offer, attempt: `${n}`.padStart(16, "0") });
    for (const n of [1, 1, 2]) follow("a", n);
    expect(bob.sent).toEqual([]);
    follow("a", 3);
    expect(bob.sent).toMatchObject([{ type: "fail", reason: expect.stringContaining("too many") }]);
    follow("c", 1);
    expect(bob.sent).toHaveLength(1);
    follow("d", 1);
    expect(bob.sent).toHaveLength(2);
    await expect.poll(() => silent.visits.length).toBe(3);
  });

  test("where others show the peer's identity, a further one takes another one's place, and nobody is refused", async () => {
    const silent = await trap();
    const options = { maxOffersPerPeer: 2 };
    const bob = await new RelayPeer("b", silent.address, options).start(silent.address);
    const ada = bob.peer("a".repeat(64));
    for (let n = 1; n <= 3; n++)
      bob.method.received({ ...ada, others: [ada] }, { ...offer, attempt: `${n}`.padStart(16, "0") });
    await expect.poll(() => silent.visits.length).toBeGreaterThanOrEqual(2);
    expect(bob.sent).toEqual([]);
  });

  test("of a token that another one has used are refused by the relay, and that is told", async () => {
    const { ada, bob } = await peers();
    await connected(ada, bob);
    const [used] = ada.sent;
    bob.sent.length = 0;
    bob.method.received(bob.peer(ada.identity), {
      ...offer,
      token: used?.["token"],
      attempt: "f".repeat(16),
    });
    await bob.until(() => bob.sent.length === 1);
    expect(bob.sent[0]).toMatchObject({
      type: "fail",
      attempt: "f".repeat(16),
      reason: expect.stringContaining("two connections came"),
    });
  });
});

test("what it publishes, and when it is of no use", async () => {
  const ada = new RelayPeer("a", "127.0.0.1:1");
  expect(await ada.method.start(ada)).toEqual(new Uint8Array(0));
  expect(ada.method).toMatchObject({ name: "relay", index: METHOD.relay, relayed: true });
  const peer = ada.peer("b".repeat(64));
  expect(ada.method.obstacle(peer)).toBe("the server has no relay");
  await ada.start("127.0.0.1:1");
  expect(ada.method.obstacle(peer)).toBeUndefined();
  expect(ada.method.obstacle({ ...peer, payload: undefined })).toBe("the peer does not use relays");
});

describe("a report", () => {
  test("tells that the relay works, and how far it is", async () => {
    const { ada, relay } = await peers();
    const report = await ada.method.report?.();
    expect(report).toEqual({ method: "relay", reach: "relayed", relay, roundTripMs: expect.any(Number) });
  });

  test("tells where there is no relay, none that answers, or none for this server", async () => {
    const { ada, relay } = await peers();
    const none = await new RelayPeer("c", relay).start(undefined);
    expect(await none.method.report?.()).toMatchObject({ reach: "none", reason: "the server has no relay" });
    const { address } = await trap();
    const silent = await new RelayPeer("d", address).start(address);
    const report = silent.method.report?.();
    await silent.method.close();
    expect(await report).toMatchObject({ reach: "none", relay: address });
    ada.circuit = async () => ({ token: "ab".repeat(32), relay, expiresUnixSeconds: 0 });
    expect(await ada.method.report?.()).toMatchObject({
      reach: "none",
      reason: expect.stringMatching(/^The relay refuses/),
    });
    ada.circuit = () => Promise.reject(new LektError("LEKT_UNREACHABLE", "No circuit."));
    expect(await ada.method.report?.()).toMatchObject({ reach: "none", reason: "No circuit." });
  });
});
