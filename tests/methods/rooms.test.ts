import { once } from "node:events";
import { createIdentity, type JoinOptions, join, type PeerStream, type Room } from "@lekt/client";
import { relay } from "@lekt/methods/relay";
import { tcp } from "@lekt/methods/tcp";
import { udp } from "@lekt/methods/udp";
import { createServer, type LektServer } from "@lekt/server";
import { expect, onTestFinished, test } from "vitest";

const KEY = "A".repeat(43);

async function serve(port = 0): Promise<LektServer> {
  const server = createServer({ host: "127.0.0.1", port, maxConnectionsPerSecond: 1_000 });
  await server.listen();
  onTestFinished(() => server.close());
  return server;
}

async function enter(
  server: LektServer,
  name: string,
  options: JoinOptions = {},
  fragment = "",
): Promise<Room> {
  const methods = [tcp({ portMapping: false }), udp({ portMapping: false }), relay()];
  const url = `lekt://127.0.0.1:${server.address?.port}/rooms${fragment}`;
  const room = await join(url, { name, methods, backoffBaseMs: 10, ...options });
  onTestFinished(() => room.close());
  return room;
}

async function seen(room: Room, name: string): Promise<Room["peers"][number]> {
  await expect.poll(() => room.peers.some((peer) => peer.name === name && !peer.stale)).toBe(true);
  return room.peers.find((peer) => peer.name === name) as Room["peers"][number];
}

function synced(room: Room): Promise<void> {
  return new Promise((resolve) => {
    const off = room.on(({ type }) => {
      if (type !== "synced") return;
      off();
      resolve();
    });
  });
}

/** Answers with what it is told, in capitals. */
function answer(room: Room): void {
  room.onConnection("shout", (stream) => {
    stream.once("data", (text) => stream.end(String(text).toUpperCase()));
  });
}

async function shout(stream: PeerStream): Promise<string> {
  stream.write("hello");
  const [text] = await once(stream, "data");
  stream.resume().end();
  return String(text);
}

test("two rooms connect by the best path, or by the one that is named", async () => {
  const server = await serve();
  const [ada, bob] = [await enter(server, "ada"), await enter(server, "bob")];
  answer(bob);
  const peer = await seen(ada, "bob");
  await seen(bob, "ada");
  expect(Buffer.from(bob.identity as Uint8Array)).toEqual(Buffer.from(peer.identity as Uint8Array));
  for (const [methods, used] of [
    [undefined, "tcp"],
    [["udp", "relay"], "udp"],
    [["relay"], "relay"],
  ] as const) {
    const stream = await ada.connect(peer, { label: "shout", ...(methods && { methods }) });
    expect(stream.path).toMatchObject({ method: used, relayed: used === "relay" });
    expect(stream.path.roundTripMs).toBeGreaterThan(0);
    expect(await shout(stream)).toBe("HELLO");
  }
});

test("a room tells what its methods know of the network", async () => {
  const room = await enter(await serve(), "ada");
  expect(await room.methodReports()).toMatchObject([
    { method: "tcp", reach: "open", openAt: { address: "127.0.0.1" } },
    { method: "udp", reach: "agreed", nat: "none" },
    { method: "relay", reach: "relayed" },
  ]);
});

test("who has the network key of the URL connects, and nobody else", async () => {
  const server = await serve();
  const key = `#key=${KEY}`;
  const ada = await enter(server, "ada", {}, key);
  const bob = await enter(server, "bob", { networkKey: Buffer.from(KEY, "base64url") });
  const eve = await enter(server, "eve");
  answer(bob);
  const stream = await ada.connect(await seen(ada, "bob"), { label: "shout" });
  expect(await shout(stream)).toBe("HELLO");
  const refused = eve.connect(await seen(eve, "bob"), { label: "shout" });
  await expect(refused).rejects.toMatchObject({ code: "LEKT_PEER_REFUSED" });
  expect(ada.url).not.toContain(KEY);
});

test("a squatter on a peer's identity gets nobody's connection, and spoils none", async () => {
  const server = await serve();
  const [ada, mallory] = [await createIdentity(), await createIdentity()];
  const bob = await enter(server, "bob");
  // All that ada shows to everybody, before ada is there; her key is not among it.
  const squatter = await enter(server, "squatter", {
    identity: { ...mallory, fingerprint: ada.fingerprint },
  });
  squatter.onConnection("shout", () => expect.unreachable("the squatter"), { accept: () => true });
  const room = await enter(server, "ada", { identity: ada });
  answer(room);
  for (const { name } of [squatter, room].map(({ self }) => self as Room["peers"][number])) {
    await seen(bob, name as string);
  }
  await seen(room, "bob");
  for (const method of ["tcp", "udp", "relay"]) {
    const stream = await bob.connect(ada.fingerprint, { label: "shout", methods: [method] });
    expect(await shout(stream)).toBe("HELLO");
  }
  await squatter.close();
  await expect.poll(() => bob.peers.some(({ name, stale }) => name === "squatter" && !stale)).toBe(false);
  expect(await shout(await bob.connect(ada.fingerprint, { label: "shout" }))).toBe("HELLO");
});

test("after the server was started anew, peers connect as before", async () => {
  const first = await serve();
  const [ada, bob] = [await enter(first, "ada"), await enter(first, "bob")];
  answer(bob);
  const { port } = first.address as { port: number };
  const back = [ada, bob].map(synced);
  await first.close();
  await serve(port);
  await Promise.all(back);
  const peer = await seen(ada, "bob");
  await seen(bob, "ada");
  for (const methods of [["tcp"], ["udp"], ["relay"]]) {
    const stream = await ada.connect(peer, { label: "shout", methods });
    expect(await shout(stream)).toBe("HELLO");
  }
});

test("a room without methods, and methods without what they need, say so", async () => {
  const server = await serve();
  const plain = await enter(server, "plain", { methods: [] });
  expect(plain.identity).toBe(undefined);
  await expect(plain.connect(new Uint8Array(32))).rejects.toMatchObject({ code: "LEKT_OPTION" });
  expect(() => plain.onConnection("x", () => {})).toThrow(/join with \{ methods/);
  const identity = await createIdentity();
  for (const options of [
    { identity: identity.fingerprint },
    { methods: [relay(), relay()] },
    { tcp: 4_000 },
    { networkKey: new Uint8Array(31) },
    { methods: "tcp" as never },
  ] satisfies JoinOptions[]) {
    await expect(enter(server, "wrong", options)).rejects.toMatchObject({ code: "LEKT_OPTION" });
  }
  const other = enter(server, "wrong", { networkKey: new Uint8Array(32).fill(1) }, `#key=${KEY}`);
  await expect(other).rejects.toMatchObject({ code: "LEKT_OPTION" });
  const room = await enter(server, "ada", { identity });
  expect(() => room.update({ tcp: 4_000 })).toThrow(/tcp cannot be set beside the connection method tcp/);
});

test("a method that cannot start leaves nobody in the network", async () => {
  const server = await serve();
  const taken = tcp({ portMapping: false, host: "203.0.113.1" });
  await expect(enter(server, "ada", { methods: [relay(), taken] })).rejects.toThrow();
  expect(server.counts.clients).toBe(0);
});
