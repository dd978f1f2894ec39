import { type JoinOptions, join, type Room, type RoomEvent, tcpDial } from "@lekt/client";
import { encodeUtf8 } from "@lekt/protocol";
import { createServer, type ServerOptions } from "@lekt/server";
import { expect, onTestFinished, test } from "vitest";
import { RawClient } from "../../packages/server/test/raw-client.ts";
import { CuttableLine } from "./cuttable-line.ts";

async function serverPort(options: ServerOptions = {}): Promise<number> {
  const server = createServer({
    host: "127.0.0.1",
    port: 0,
    maxClientsPerAddress: 2_000,
    maxConnectionsPerSecond: 2_000,
    ...options,
  });
  await server.listen();
  onTestFinished(() => server.close());
  return server.address?.port as number;
}

async function joined(port: number, options: JoinOptions): Promise<Room> {
  const room = await join(`lekt://127.0.0.1:${port}/changes`, {
    backoffBaseMs: 20,
    backoffCapMs: 50,
    ...options,
  });
  onTestFinished(() => room.close());
  return room;
}

/** What the room says of peers, from now on. */
function peerEvents(room: Room): string[] {
  const lines: string[] = [];
  room.on((event) => {
    if ("peer" in event) lines.push(`${event.type} ${event.peer.name}`);
  });
  return lines;
}

function until(room: Room, isIt: (event: RoomEvent) => boolean): Promise<RoomEvent> {
  return new Promise((resolve) => {
    const off = room.on((event) => {
      if (!isIt(event)) return;
      off();
      resolve(event);
    });
  });
}

test("a peer that replaces what it published is updated in place, and is the same peer", async () => {
  const port = await serverPort();
  const ada = await joined(port, { name: "ada", data: encodeUtf8("at home"), tcp: 4_000 });
  const grace = await joined(port, { name: "grace" });
  const lines = peerEvents(grace);
  const [before] = grace.peers;
  const event = until(grace, (candidate) => candidate.type === "updated");

  expect(ada.update({ data: encodeUtf8("at the lake"), tcp: 4_001 })).toBe(true);
  const { peer: after } = (await event) as Extract<RoomEvent, { peer: unknown }>;
  expect(after.id).toBe(before?.id);
  await expect
    .poll(() => grace.peers.map((peer) => [peer.data, peer.tcp?.port]))
    .toEqual([[encodeUtf8("at the lake"), 4_001]]);
  expect(lines.every((line) => line === "updated ada")).toBe(true);
  // Oneself is no peer, and yet up to date.
  expect(ada.peers.map((peer) => peer.name)).toEqual(["grace"]);
  await expect.poll(() => ada.self?.tcp?.port).toBe(4_001);
});

test("of identical twins behind one address, one changes and one leaves", async () => {
  const port = await serverPort();
  const watcher = await joined(port, { watch: true });
  const twins = [await joined(port, { name: "twin" }), await joined(port, { name: "twin" })];
  const lines = peerEvents(watcher);
  const changed = until(watcher, (event) => event.type === "updated");
  twins[0]?.update({ name: "changed" });
  await changed;
  expect(watcher.peers.map((peer) => peer.name).sort()).toEqual(["changed", "twin"]);
  const gone = until(watcher, (event) => event.type === "left");
  await twins[1]?.close();
  await gone;
  expect(lines).toEqual(["updated changed", "left twin"]);
});

test("an update that cannot be told now is told on the next connection", async () => {
  const port = await serverPort();
  const line = await CuttableLine.to(port);
  onTestFinished(() => line.close());
  const grace = await joined(port, { name: "grace" });
  const ada = await joined(line.port, { name: "ada", data: encodeUtf8("1") });
  const waiting = until(ada, (event) => event.type === "status" && event.status.state === "waiting");
  line.cut();
  await waiting;
  expect(ada.update({ data: encodeUtf8("2") })).toBe(false);
  line.restore();
  await expect.poll(() => grace.peers.map((peer) => peer.data)).toEqual([encodeUtf8("2")]);
});

test.each(["/changes", ""])(
  "an update while a connection is being made is told on it, in '%s'",
  async (path) => {
    const port = await serverPort();
    const line = await CuttableLine.to(port);
    onTestFinished(() => line.close());
    const url = (at: number) => `lekt://127.0.0.1:${at}${path}`;
    const grace = await join(url(port), { name: "grace" });
    onTestFinished(() => grace.close());
    const dial = tcpDial();
    let dials = 0;
    const ada: Room = await join(url(line.port), {
      name: "ada",
      data: encodeUtf8("1"),
      backoffBaseMs: 1,
      backoffCapMs: 5,
      dial: async (target) => {
        const stream = await dial(target);
        if (++dials > 1) ada.update({ data: encodeUtf8(`${dials}`) });
        return stream;
      },
    });
    onTestFinished(() => ada.close());
    const synced = until(ada, (event) => event.type === "synced");
    line.cut();
    line.restore();
    await synced;
    await expect.poll(() => grace.peers.map((peer) => peer.data)).toEqual([encodeUtf8(`${dials}`)]);
  },
);

test("after a break only what changed meanwhile comes, and is told", async () => {
  const port = await serverPort();
  const line = await CuttableLine.to(port);
  onTestFinished(() => line.close());
  const crowd = await Promise.all(
    Array.from({ length: 40 }, (_, i) => joined(port, { name: `c${i}`, data: new Uint8Array(200) })),
  );
  const ada = await joined(line.port, { name: "ada" });
  expect(ada.peers).toHaveLength(40);
  const wholeBytes = line.bytesDown;
  const lines = peerEvents(ada);

  const offline = until(ada, (event) => event.type === "status" && event.status.state === "waiting");
  line.cut();
  await offline;
  const bob = await joined(port, { name: "bob" });
  expect(bob.peers.length).toBeGreaterThanOrEqual(40);
  await crowd[0]?.close();
  crowd[1]?.update({ name: "changed" });
  await expect.poll(() => bob.peers.map((peer) => peer.name)).toContain("changed");
  await expect.poll(() => bob.peers.map((peer) => peer.name)).not.toContain("c0");

  const synced = until(ada, (event) => event.type === "synced");
  line.restore();
  await synced;
  expect(lines.sort()).toEqual(["joined bob", "left c0", "updated changed"]);
  expect(ada.peers).toHaveLength(40);
  expect(line.bytesDown).toBeLessThan(wholeBytes / 5);
});

test("among 1,000 plain clients a break costs the only one with sessions less than a hundredth of the roster", async () => {
  // Nobody of the crowd says anything.
  const port = await serverPort({ heartbeatIntervalMs: 600_000 });
  const line = await CuttableLine.to(port);
  onTestFinished(() => line.close());
  const crowd: RawClient[] = [];
  while (crowd.length < 1_000) {
    const some = await Promise.all(Array.from({ length: 50 }, () => RawClient.connect(port)));
    const introduced = some.map((client, i) =>
      client.introduce({ name: `c${crowd.length + i}`, network: "changes", bulkBytes: 100 }),
    );
    await Promise.all(introduced);
    crowd.push(...some);
  }
  const ada = await joined(line.port, { name: "ada" });
  expect(ada.peers).toHaveLength(1_000);
  const wholeBytes = line.bytesDown;
  const lines = peerEvents(ada);

  const offline = until(ada, (event) => event.type === "status" && event.status.state === "waiting");
  line.cut();
  await offline;
  crowd[0]?.socket.destroy();
  const bob = await RawClient.connect(port);
  await bob.introduce({ name: "bob", network: "changes" });
  const changed = new Set(["left c0", "joined bob"]);
  const told = until(ada, (event) => {
    if ("peer" in event) changed.delete(`${event.type} ${event.peer.name}`);
    return changed.size === 0;
  });
  line.restore();
  await told;
  expect(lines).toHaveLength(2);
  expect(wholeBytes).toBeGreaterThan(130_000);
  expect(line.bytesDown).toBeLessThan(wholeBytes / 100);
});
