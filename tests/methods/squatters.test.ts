import { once } from "node:events";
import { createIdentity, type JoinOptions, join, type LektIdentity, type Room } from "@lekt/client";
import { relay } from "@lekt/methods/relay";
import { tcp } from "@lekt/methods/tcp";
import { udp } from "@lekt/methods/udp";
import { toHex } from "@lekt/protocol";
import { createServer, type LektServer } from "@lekt/server";
import { describe, expect, onTestFinished, test } from "vitest";
import { MischiefMethod } from "./squatters.ts";

async function serve(): Promise<LektServer> {
  const server = createServer({ host: "127.0.0.1", port: 0, maxConnectionsPerSecond: 1_000 });
  await server.listen();
  onTestFinished(() => server.close());
  return server;
}

async function enter(server: LektServer, options: JoinOptions): Promise<Room> {
  const room = await join(`lekt://127.0.0.1:${server.address?.port}/rooms`, {
    backoffBaseMs: 10,
    ...options,
  });
  onTestFinished(() => room.close());
  return room;
}

/** One at a time. Simultaneous open needs a network in which packets take time: see its own tests. */
const WAYS = {
  tcp: () => tcp({ portMapping: false }),
  udp: () => udp({ portMapping: false }),
  relay: () => relay(),
} as const;

type Way = keyof typeof WAYS;

/** Squatters by what they do. */
const SQUATTERS = {
  /** All that a peer does, with another key. */
  connects: (way: Way) => WAYS[way](),
  "is silent": (way: Way) => new MischiefMethod(way, "is silent"),
  "talks junk": (way: Way) => new MischiefMethod(way, "talks junk"),
  "answers many times": (way: Way) => new MischiefMethod(way, "answers many times"),
} as const;

/** Attempts of one peer, of which a room keeps 64 in mind. */
const MORE_THAN_ARE_KEPT = 80;

type Kind = keyof typeof SQUATTERS;

const KINDS = Object.keys(SQUATTERS) as Kind[];
/** With the peer that makes as many entries as are tried. */
const THREE_KINDS = KINDS.slice(-3);

interface Scene {
  readonly server: LektServer;
  readonly way: Way;
  readonly identity: LektIdentity;
}

/** They see who they wait for in the roster, in the order in which they are listed here. */
async function squat({ server, way, identity }: Scene, kinds: readonly Kind[]): Promise<void> {
  for (const kind of kinds) {
    const stolen = { ...(await createIdentity()), fingerprint: identity.fingerprint };
    const methods = [SQUATTERS[kind](way)];
    const room = await enter(server, { name: kind, identity: stolen, methods });
    room.onConnection("", () => expect.unreachable(kind), { accept: () => true });
  }
}

async function hasSeen(room: Room, names: readonly string[]): Promise<void> {
  await expect.poll(() => names.every((name) => room.peers.some((peer) => peer.name === name))).toBe(true);
}

/** @returns what the true peer says, and how the one who dials came to it */
async function connected(
  way: Way,
  before: readonly Kind[],
  behind: readonly Kind[],
  who: "dialled" | "dials",
): Promise<{ said: string; outcomes: readonly string[] }> {
  const server = await serve();
  const identity = await createIdentity();
  const scene = { server, way, identity };
  const bob = await enter(server, { name: "bob", methods: [WAYS[way]()] });
  await squat(scene, before);
  const ada = await enter(server, {
    name: "ada",
    identity,
    methods: [WAYS[way]()],
  });
  await squat(scene, behind);
  await hasSeen(bob, ["ada", ...before, ...behind]);
  await hasSeen(ada, ["bob"]);
  const [dials, dialled] = who === "dialled" ? [bob, ada] : [ada, bob];
  dialled.onConnection("", (stream) => stream.end(dialled === ada ? "I am ada" : "I am bob"));
  const stream = await dials.connect(dialled.identity as Uint8Array, { timeoutMs: 15_000 });
  const [said] = await once(stream, "data");
  stream.resume().end();
  return { said: String(said), outcomes: stream.trace.attempts.map(({ outcome }) => String(outcome)) };
}

describe.each(Object.keys(WAYS) as Way[])("by %s, the holder of an identity is reached", (way) => {
  test.each(KINDS)("though before it in the roster a squatter %s", async (kind) => {
    const { said, outcomes } = await connected(way, [kind], [], "dialled");
    expect(said).toBe("I am ada");
    expect(outcomes).toContain("won");
  });

  test.each(KINDS)("though behind it a squatter %s", async (kind) => {
    expect((await connected(way, [], [kind], "dialled")).said).toBe("I am ada");
  });

  test("though three squatters stand before it", async () => {
    expect((await connected(way, THREE_KINDS, [], "dialled")).said).toBe("I am ada");
  });

  test("and reaches others, though squatters show its identity", async () => {
    expect((await connected(way, THREE_KINDS, [], "dials")).said).toBe("I am bob");
  });

  test("and reaches others, though a squatter floods them with offers in its name", async () => {
    const server = await serve();
    const identity = await createIdentity();
    const bob = await enter(server, { name: "bob", methods: [WAYS[way]()] });
    const squatter = new MischiefMethod(way, "is silent");
    const stolen = { ...(await createIdentity()), fingerprint: identity.fingerprint };
    await enter(server, { name: "squatter", identity: stolen, methods: [squatter] });
    const ada = await enter(server, { name: "ada", identity, methods: [WAYS[way]()] });
    await hasSeen(bob, ["ada", "squatter"]);
    await hasSeen(ada, ["bob"]);
    await squatter.flood(toHex(bob.identity as Uint8Array), MORE_THAN_ARE_KEPT);
    bob.onConnection("", (stream) => stream.end("I am bob"));
    const stream = await ada.connect(bob.identity as Uint8Array, { timeoutMs: 15_000 });
    const [said] = await once(stream, "data");
    stream.resume().end();
    expect(String(said)).toBe("I am bob");
  });
});
