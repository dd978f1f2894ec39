import { once } from "node:events";
import type { Duplex } from "node:stream";
import { finished } from "node:stream/promises";
import { type ConnectionMethod, LektError, toHex } from "@lekt/protocol";
import { overheard } from "@lekt/testkit";
import { describe, expect, test } from "vitest";
import { PeerConnectError } from "../../src/peers/peer-connect-error.ts";
import type { PeerStream } from "../../src/peers/peer-stream.ts";
import { accepted, loop, neverThere, stuck } from "./hub-methods.ts";
import { PeerHub } from "./peer-hub.ts";

const KEY = new Uint8Array(32).fill(9);

describe("a connection", () => {
  test("both sides get a stream, with path, label and identity", async () => {
    const [a, b] = await new PeerHub().pair({ name: "ada" }, { name: "bob" });
    const there = new Promise<[PeerStream, string | undefined]>((resolve) => {
      b.connections.onConnection("chat", (stream, peer) => resolve([stream, peer?.name]));
    });
    const stream = await a.connections.connect(b.asPeer, { label: "chat" });
    const [other, name] = await there;
    expect(name).toBe("ada");
    expect([stream.label, other.label]).toEqual(["chat", "chat"]);
    expect([toHex(stream.identity), toHex(other.identity)]).toEqual([toHex(b.identity), toHex(a.identity)]);
    expect(stream.path).toEqual({
      method: "loop",
      local: other.path.remote,
      remote: other.path.local,
      relayed: false,
      roundTripMs: expect.any(Number),
    });
    expect(stream.trace).toMatchObject({
      peer: toHex(b.identity),
      attempts: [{ method: "loop", outcome: "won", candidates: [stream.path.remote] }],
    });
    stream.write("hello");
    expect(String((await once(other, "data"))[0])).toBe("hello");
    stream.destroy();
  });

  test("by identity in hex, agreed on by signals", async () => {
    const [a, b] = await new PeerHub().pair(
      { methods: [loop({ agreed: true })] },
      { methods: [loop({ agreed: true })] },
    );
    const there = accepted(b);
    const stream = await a.connections.connect(toHex(b.identity).toUpperCase());
    stream.end("agreed");
    expect(String((await once(await there, "data"))[0])).toBe("agreed");
    expect(a.signals).toBe(1);
  });

  test("streams outlive the room", async () => {
    const [a, b] = await new PeerHub().pair();
    const there = accepted(b);
    const stream = await a.connections.connect(b.asPeer);
    const other = await there;
    await Promise.all([a.connections.close(), b.connections.close()]);
    other.resume().end("still here");
    expect(String((await once(stream, "data"))[0])).toBe("still here");
    stream.destroy();
  });
});

describe("who may connect", () => {
  test("a label that nobody listens to is refused", async () => {
    const [a, b] = await new PeerHub().pair();
    b.connections.onConnection("other", (stream) => stream.destroy())();
    const error = await a.connections.connect(b.asPeer, { label: "other" }).catch((reason) => reason);
    expect(error).toBeInstanceOf(PeerConnectError);
    expect(error).toMatchObject({
      code: "LEKT_PEER_REFUSED",
      message: expect.stringMatching(/Ask whoever runs it/),
      trace: { attempts: [{ method: "loop", outcome: "failed", reason: expect.stringMatching(/refused/) }] },
    });
  });

  test("a stranger is refused when the roster does not bring it in time", async () => {
    const hub = new PeerHub();
    const [a, b] = [await hub.join(), await hub.join({ pace: { rosterWaitMs: 50 } })];
    a.meet(b);
    b.connections.onConnection("", () => expect.unreachable("a stranger"));
    await expect(a.connections.connect(b.identity)).rejects.toMatchObject({ code: "LEKT_PEER_REFUSED" });
  });

  test("one that the roster brings meanwhile is let in", async () => {
    const hub = new PeerHub();
    const stranger = await hub.join();
    const heard = overheard(loop());
    const b = await hub.join({ methods: [heard], pace: { rosterWaitMs: 20_000 } });
    stranger.meet(b);
    const there = accepted(b);
    const connecting = stranger.connections.connect(b.identity);
    // Its path is there before the news of it.
    await expect.poll(() => heard.paths.length).toBe(1);
    b.meet(stranger);
    await there;
    (await connecting).destroy();
  });

  test("with a network key, whoever has it, in the roster or not", async () => {
    const hub = new PeerHub();
    const [a, b] = [await hub.join({ networkKey: KEY }), await hub.join({ networkKey: KEY })];
    a.meet(b);
    const there = accepted(b);
    const stream = await a.connections.connect(b.identity);
    await there;
    stream.destroy();
  });

  test("with a network key, nobody else, in the roster or not", async () => {
    const [a, b] = await new PeerHub().pair({ networkKey: new Uint8Array(32) }, { networkKey: KEY });
    const stranger = new Promise((resolve) => {
      b.connections.onConnection("", () => expect.unreachable("another key"), { onStranger: resolve });
    });
    await expect(a.connections.connect(b.asPeer)).rejects.toMatchObject({
      code: "LEKT_NETWORK_KEY",
      message: expect.stringMatching(/same network key/),
    });
    expect(await stranger).toMatch(/:\d+$/);
  });

  test("or as `accept` decides", async () => {
    const hub = new PeerHub();
    const [a, b] = [await hub.join(), await hub.join()];
    a.meet(b);
    const asked: unknown[] = [];
    let isWelcome = false;
    b.connections.onConnection("x", (stream) => stream.resume().end(), {
      accept: async (request) => {
        asked.push(request);
        return isWelcome;
      },
    });
    const connect = () => a.connections.connect(b.identity, { label: "x" });
    await expect(connect()).rejects.toMatchObject({ code: "LEKT_PEER_REFUSED" });
    isWelcome = true;
    (await connect()).resume().end();
    const request = { identity: a.identity, label: "x", peer: undefined };
    expect(asked).toEqual([request, request]);
  });

  test("and whoever one handler let in is not given to another one that took its place", async () => {
    const [a, b] = await new PeerHub().pair();
    const letIn = new Promise<(isWelcome: boolean) => void>((resolve) => {
      const remove = b.connections.onConnection("x", () => expect.unreachable("removed"), {
        accept: () => {
          remove();
          return new Promise(resolve);
        },
      });
    });
    const connecting = a.connections.connect(b.identity, { label: "x" });
    const decide = await letIn;
    const got: PeerStream[] = [];
    b.connections.onConnection("x", (stream) => got.push(stream), { accept: () => false });
    decide(true);
    await expect(connecting).rejects.toMatchObject({ code: "LEKT_PEER_REFUSED" });
    expect(got).toEqual([]);
  });
});

describe("the race", () => {
  test("a method that is stuck is beaten, one that fails gives its reason", async () => {
    const fails = async () => {
      throw new LektError("LEKT_PATH", "The router said no.");
    };
    const methods = () => [stuck("first", 41, fails), stuck("second", 42, neverThere), loop()];
    const [a, b] = await new PeerHub().pair({ methods: methods() }, { methods: methods() });
    const there = accepted(b);
    const { path, trace } = await a.connections.connect(b.asPeer);
    expect(path.method).toBe("loop");
    expect(trace.attempts).toMatchObject([
      { method: "first", outcome: "failed", reason: "The router said no." },
      { method: "second", outcome: "beaten", reason: "loop was there first", notes: ["it takes its time"] },
      { method: "loop", outcome: "won", reason: undefined },
    ]);
    (await there).destroy();
  });

  test("what a peer does not offer, and what has an obstacle, is skipped", async () => {
    const blocked = { ...stuck("blocked", 41, neverThere), obstacle: () => "both are behind symmetric NATs" };
    const mine = [loop(), blocked, loop({ name: "relay", index: 42, relayed: true })];
    const [a, b] = await new PeerHub().pair(
      { methods: mine },
      { methods: [stuck("blocked", 41, neverThere)] },
    );
    const error = await a.connections.connect(b.asPeer).catch((reason) => reason);
    expect(error).toMatchObject({
      code: "LEKT_UNREACHABLE",
      message: expect.stringMatching(
        /^No path to .*: loop: the peer does not offer it; .*Let both sides join/,
      ),
    });
    expect(error.trace.attempts).toMatchObject([
      { method: "loop", outcome: "skipped", reason: "the peer does not offer it" },
      { method: "blocked", outcome: "skipped", reason: "both are behind symmetric NATs" },
      { method: "relay", outcome: "skipped" },
    ]);
  });

  test("only the methods that were named", async () => {
    const methods = () => [loop(), loop({ name: "other", index: 41 })];
    const [a, b] = await new PeerHub().pair({ methods: methods() }, { methods: methods() });
    const there = accepted(b);
    const stream = await a.connections.connect(b.asPeer, { methods: ["other"] });
    expect(stream.path.method).toBe("other");
    expect(stream.trace.attempts.length).toBe(1);
    (await there).destroy();
  });

  test("an impostor on one path does not keep the peer from another", async () => {
    const hub = new PeerHub();
    const mallory = await hub.join();
    const [a, b] = await hub.pair(
      { methods: [loop(), loop({ name: "other", index: 41 })] },
      { methods: [loop(), loop({ name: "other", index: 41 })] },
    );
    // A server that lies: where b is said to listen, somebody else does.
    const methods = new Map(b.asPeer.methods).set(40, mallory.asPeer.methods.get(40) as Uint8Array);
    a.meet({ identity: b.identity, asPeer: { ...b.asPeer, methods } });
    const there = accepted(b);
    const stream = await a.connections.connect(b.identity);
    expect(stream.path.method).toBe("other");
    expect(stream.trace.attempts).toMatchObject([
      { method: "loop", outcome: "failed", reason: expect.stringMatching(/poses as it/) },
      { method: "other", outcome: "won" },
    ]);
    (await there).destroy();
  });
});

test("a server that puts somebody else in a peer's place is caught by the network key", async () => {
  const hub = new PeerHub();
  const a = await hub.join({ networkKey: KEY });
  const mallory = await hub.join();
  mallory.meet(a);
  // Bob's name, and everything else is mallory's.
  a.meet({ identity: mallory.identity, asPeer: { ...mallory.asPeer, name: "bob" } });
  mallory.connections.onConnection("", () => expect.unreachable("mallory"));
  const connecting = a.connections.connect({ ...mallory.asPeer, name: "bob" });
  await expect(connecting).rejects.toMatchObject({ code: "LEKT_NETWORK_KEY" });
});

describe("a relayed stream", () => {
  const relay = () => loop({ name: "relay", index: 42, relayed: true });
  const pace = { headStartMs: 10, graceMs: 10, directSearch: { firstDelayMs: 20, maxDelayMs: 40 } };

  test("offers a direct path when one is found, and stays as it is", async () => {
    let searches = 0;
    const direct = loop();
    const opening: ConnectionMethod<Duplex> = {
      ...stuck("loop", 40, (attempt) => {
        if (++searches < 3) throw new LektError("LEKT_PATH", "Not yet.");
        return direct.dial(attempt);
      }),
      start: (host) => direct.start(host),
      close: () => direct.close(),
    };
    const [a, b] = await new PeerHub().pair(
      { methods: [relay(), opening], pace },
      { methods: [relay(), loop()] },
    );
    const streams: PeerStream[] = [];
    b.connections.onConnection("x", (stream) => streams.push(stream));
    const stream = await a.connections.connect(b.asPeer, { label: "x" });
    expect(stream.path).toMatchObject({ method: "relay", relayed: true });
    const [offered]: PeerStream[] = (await once(stream, "direct")) as PeerStream[];
    expect(offered?.path).toMatchObject({ method: "loop", relayed: false });
    expect(toHex(offered?.identity as Uint8Array)).toBe(toHex(b.identity));
    expect(searches).toBe(3);
    await expect.poll(() => streams.length).toBe(2);
    for (const [end, other] of [
      [stream, streams[0]],
      [offered, streams[1]],
    ] as [PeerStream, PeerStream][]) {
      end.write("both work");
      expect(String((await once(other, "data"))[0])).toBe("both work");
      end.destroy();
    }
  });

  test.each([
    ["for as long as it was agreed on", { acceptTimeoutMs: 50, agreedTimeoutMs: 20_000 }, true],
    ["and no longer", { acceptTimeoutMs: 20_000, agreedTimeoutMs: 50 }, false],
  ])("is waited for by the peer while it has its grace: %s", async (_, peersPace, isThere) => {
    const agreed = () => loop({ name: "relay", index: 42, relayed: true, agreed: true });
    const [a, b] = await new PeerHub().pair(
      { methods: [agreed(), stuck("loop", 40, neverThere)], pace: { headStartMs: 10 } },
      { methods: [agreed(), loop()], pace: peersPace },
    );
    b.connections.onConnection("", (stream) => stream.end("here"));
    const connecting = a.connections.connect(b.asPeer, { graceMs: 400, timeoutMs: 4_000 });
    const met = connecting.then(
      (stream) => stream.destroy().path.method,
      ({ code }) => code,
    );
    expect(await met).toBe(isThere ? "relay" : "LEKT_UNREACHABLE");
  });

  test("where nobody listens, nothing is searched", async () => {
    let dials = 0;
    const fails = async () => {
      dials++;
      throw new LektError("LEKT_PATH", "No.");
    };
    const [a, b] = await new PeerHub().pair(
      { methods: [relay(), stuck("loop", 40, fails)], pace },
      { methods: [relay(), loop()] },
    );
    const there = accepted(b);
    const stream = await a.connections.connect(b.asPeer);
    await there;
    expect(dials).toBe(1);
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect(dials).toBe(1);
    stream.on("direct", () => {});
    await expect.poll(() => dials).toBeGreaterThan(1);
    stream.destroy();
    await finished(stream).catch(() => {});
  });
});

describe("reports of the methods", () => {
  test("are of those that tell, in the order of the methods", async () => {
    const telling = (name: string, index: number): ConnectionMethod<Duplex> => ({
      ...stuck(name, index, neverThere),
      report: async () => ({ method: name, reach: "none" }),
    });
    const methods = [telling("one", 40), stuck("silent", 41, neverThere), telling("two", 42)];
    const { connections } = await new PeerHub().join({ methods });
    expect((await connections.methodReports()).map(({ method }) => method)).toEqual(["one", "two"]);
    await connections.close();
    await expect(connections.methodReports()).rejects.toMatchObject({ code: "LEKT_CLOSED" });
  });
});
