import { once, setMaxListeners } from "node:events";
import { connect } from "node:net";
import { identityText, LektError } from "@lekt/protocol";
import { overheard } from "@lekt/testkit";
import { describe, expect, test } from "vitest";
import type { Peer } from "../../src/peer.ts";
import { MAX_CONNECTS, MAX_GRACE_MS, type PeerReference } from "../../src/peers/peer-connections.ts";
import { MAX_SECURING_OF_ONE_ADDRESS } from "../../src/peers/securing-limit.ts";
import { accepted, loop, neverThere, stuck } from "./hub-methods.ts";
import { type HubPeer, PeerHub } from "./peer-hub.ts";

describe("errors", () => {
  test("a peer that is not in the roster", async () => {
    const hub = new PeerHub();
    const [a, b] = [await hub.join(), await hub.join()];
    await expect(a.connections.connect(b.identity)).rejects.toMatchObject({
      code: "LEKT_UNREACHABLE",
      message: expect.stringMatching(/not in the roster/),
      trace: { attempts: [] },
    });
  });

  test.each([
    ["itself", (a: HubPeer) => a.identity, {}],
    ["a short identity", () => new Uint8Array(31), {}],
    ["no hex", () => "ada", {}],
    ["a peer without an identity", ({ asPeer }: HubPeer) => ({ ...asPeer, identity: undefined }), {}],
    ["a method that is not there", (_: HubPeer, b: HubPeer) => b.identity, { methods: ["tcp"] }],
    ["no method", (_: HubPeer, b: HubPeer) => b.identity, { methods: [] }],
    ["nobody", () => undefined as never, {}],
    ["a label that is none", (_: HubPeer, b: HubPeer) => b.identity, { label: 5 as never }],
    ["half a character as a label", (_: HubPeer, b: HubPeer) => b.identity, { label: "\ud800" }],
    ["a time in words", (_: HubPeer, b: HubPeer) => b.identity, { timeoutMs: "5" as never }],
    [
      "a controller as a signal",
      (_: HubPeer, b: HubPeer) => b.identity,
      { signal: new AbortController() as never },
    ],
    ["no time", (_: HubPeer, b: HubPeer) => b.identity, { timeoutMs: 0 }],
    ["no grace", (_: HubPeer, b: HubPeer) => b.identity, { graceMs: -1 }],
    ["too much grace", (_: HubPeer, b: HubPeer) => b.identity, { graceMs: MAX_GRACE_MS + 1 }],
    ["a long label", (_: HubPeer, b: HubPeer) => b.identity, { label: "x".repeat(256) }],
  ])("%s: LEKT_OPTION", async (_, reference, options) => {
    const [a, b] = await new PeerHub().pair();
    await expect(a.connections.connect(reference(a, b), options)).rejects.toMatchObject({
      code: "LEKT_OPTION",
    });
  });

  test("and none with as much grace as there is", async () => {
    const [a, b] = await new PeerHub().pair();
    const there = accepted(b);
    const stream = await a.connections.connect(b.identity, { graceMs: MAX_GRACE_MS });
    await there;
    stream.destroy();
  });

  test("another program with the same identity: what to do", async () => {
    const [a, b] = await new PeerHub().pair();
    const twin = { ...b.asPeer, identity: a.identity };
    a.meet({ identity: a.identity, asPeer: twin });
    await expect(a.connections.connect(twin)).rejects.toMatchObject({
      code: "LEKT_OPTION",
      message: expect.stringMatching(/same identity as this client: let one of the two use another/),
    });
  });

  test("of an identity that several show: no other entry's name, and what to do", async () => {
    const hopeless = stuck("loop", 40, () => Promise.reject(new LektError("LEKT_PATH", "No.")));
    const [a, b] = await new PeerHub().pair({ methods: [hopeless] });
    const entries = ["squatter", "ada"].map((name) => ({ ...b.asPeer, id: name, name }));
    a.connections.attach({ peersWith: () => entries, signal: () => true, publish: () => {} });
    const messageOf = (peer: PeerReference) =>
      a.connections.connect(peer).then(
        () => "",
        ({ message }: Error) => message,
      );
    const text = identityText(b.identity);
    expect(await messageOf(b.identity)).toMatch(new RegExp(`^No path to ${text}: .* Several in the roster`));
    expect(await messageOf(entries[1] as Peer)).toContain(`No path to ada (${text})`);
    entries.pop();
    expect(await messageOf(b.identity)).toContain(`No path to squatter (${text})`);
    expect(await messageOf(b.identity)).not.toContain("Several");
  });

  test("two handlers for one label", async () => {
    const a = await new PeerHub().join();
    const remove = a.connections.onConnection("x", () => {});
    expect(() => a.connections.onConnection("x", () => {})).toThrow(/has a handler already/);
    remove();
    a.connections.onConnection("x", () => {});
    // It has gone already, and does not take away somebody else's.
    remove();
    expect(() => a.connections.onConnection("x", () => {})).toThrow(/has a handler already/);
  });

  test("closing ends what is being connected, and nothing begins any more", async () => {
    const a = { methods: [stuck("loop", 40, neverThere)] };
    const [first, second] = await new PeerHub().pair(a);
    const connecting = expect(first.connections.connect(second.asPeer)).rejects.toMatchObject({
      code: "LEKT_CLOSED",
    });
    await first.connections.close();
    await connecting;
    await expect(first.connections.connect(second.asPeer)).rejects.toMatchObject({ code: "LEKT_CLOSED" });
    expect(() => first.connections.onConnection("", () => {})).toThrow(/closed/);
  });

  test("so many connects at once, and no more", async () => {
    const controller = new AbortController();
    const [a, b] = await new PeerHub().pair({ methods: [stuck("loop", 40, neverThere)] });
    const { signal } = controller;
    setMaxListeners(MAX_CONNECTS, signal);
    const connects = Array.from({ length: MAX_CONNECTS }, () => a.connections.connect(b.asPeer, { signal }));
    await expect(a.connections.connect(b.asPeer)).rejects.toThrow(/256 connects are under way/);
    controller.abort();
    for (const { status } of await Promise.allSettled(connects)) expect(status).toBe("rejected");
    const next = a.connections.connect(b.asPeer, { signal: AbortSignal.abort() });
    await expect(next).rejects.toMatchObject({ code: "LEKT_ABORTED" });
  });
});

test("paths on which nobody speaks are secured in a bounded number", async () => {
  const heard = overheard(loop());
  const b = await new PeerHub().join({ methods: [heard] });
  const [high = 0, low = 0] = b.asPeer.methods.get(40) ?? [];
  const sockets = Array.from({ length: MAX_SECURING_OF_ONE_ADDRESS + 1 }, () =>
    connect((high << 8) | low, "127.0.0.1"),
  );
  const closed = Promise.race(sockets.map((socket) => once(socket.resume(), "close")));
  await expect.poll(() => heard.paths.length).toBe(sockets.length);
  await closed;
  expect(heard.paths.filter(({ stream }) => stream.destroyed).length).toBe(1);
  for (const socket of sockets) socket.destroy();
});
