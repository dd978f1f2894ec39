import { join, type Room, type RoomEvent } from "@lekt/client";
import { createServer, type LektServer } from "@lekt/server";
import { describe, expect, onTestFinished, test } from "vitest";
import { RawClient } from "../../packages/server/test/raw-client.ts";

async function listening(port = 0): Promise<LektServer> {
  const server = createServer({ host: "127.0.0.1", port, maxConnectionsPerSecond: 1_000 });
  onTestFinished(() => server.close());
  await server.listen();
  return server;
}

const portOf = (server: LektServer) => server.address?.port ?? 0;

/** A room, and all that it says from now on. */
class Witness {
  readonly room: Room;
  readonly events: RoomEvent[] = [];
  #wake: () => void = () => {};

  constructor(room: Room) {
    this.room = room;
    onTestFinished(() => room.close());
    room.on((event) => {
      this.events.push(event);
      this.#wake();
    });
  }

  static async join(port: number, name: string): Promise<Witness> {
    const options = { name, backoffBaseMs: 20, backoffCapMs: 100 };
    return new Witness(await join(`lekt://127.0.0.1:${port}/home`, options));
  }

  async until(isIt: (event: RoomEvent) => boolean): Promise<void> {
    while (!this.events.some(isIt)) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  untilPeer(type: "joined" | "left", name: string): Promise<void> {
    return this.until((event) => event.type === type && event.peer.name === name);
  }

  /** Waits until this many peers are there and none is stale. */
  async untilComplete(peers: number): Promise<void> {
    const isComplete = () => {
      const { room } = this;
      return (
        room.status.state === "online" && room.peers.length === peers && !room.peers.some((p) => p.stale)
      );
    };
    while (!isComplete()) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** What it said of peers: "left bob". */
  get peerNews(): string[] {
    return this.events.flatMap((event) => ("peer" in event ? [`${event.type} ${event.peer.name}`] : []));
  }
}

describe("a restart of the server on its port", () => {
  test.each(["close", "drain"] as const)("by %s is survived, and nobody has left", async (how) => {
    const first = await listening();
    const port = portOf(first);
    const alice = await Witness.join(port, "alice");
    const bob = await Witness.join(port, "bob");
    await alice.untilPeer("joined", "bob");
    const ids = [alice, bob].map(({ room }) => room.peers.map((peer) => peer.id));
    alice.events.length = 0;

    await first[how]();
    await Promise.all(
      [alice, bob].map((w) => w.until((event) => event.type === "status" && event.status.state !== "online")),
    );
    const second = await listening(port);
    await Promise.all([alice, bob].map((w) => w.until((event) => event.type === "synced")));
    await Promise.all([alice.untilComplete(1), bob.untilComplete(1)]);
    const carol = await Witness.join(port, "carol");
    await Promise.all([alice.untilPeer("joined", "carol"), bob.untilPeer("joined", "carol")]);

    for (const { peerNews } of [alice, bob]) {
      expect(peerNews.filter((news) => news.startsWith("left"))).toEqual([]);
      expect(peerNews.filter((news) => news.startsWith("joined"))).toEqual(["joined carol"]);
    }
    const idsNow = [alice, bob].map(({ room }) => room.peers.slice(0, 1).map((peer) => peer.id));
    expect(idsNow).toEqual(ids);
    expect(carol.room.peers).toHaveLength(2);
    expect(second.counts.clients).toBe(3);
  });

  test("that takes one peer for good leaves the others together", async () => {
    const first = await listening();
    const port = portOf(first);
    const alice = await Witness.join(port, "alice");
    const bob = await Witness.join(port, "bob");
    await alice.untilPeer("joined", "bob");
    await first.close();
    await bob.room.close();
    await listening(port);
    await alice.until((event) => event.type === "stale" && event.peer.name === "bob");
    expect(alice.room.peers).toMatchObject([{ name: "bob", stale: true }]);
    expect(alice.peerNews).not.toContain("left bob");
  });
});

test("a peer whose connection is broken off, without a goodbye, has left for the others at once", async () => {
  const server = await listening();
  const alice = await Witness.join(portOf(server), "alice");
  const bob = await RawClient.connect(portOf(server));
  await bob.introduce({ name: "bob", network: "home" });
  await bob.beat();
  await alice.untilPeer("joined", "bob");
  bob.socket.resetAndDestroy();
  await alice.untilPeer("left", "bob");
  expect(alice.room.peers).toEqual([]);
});
