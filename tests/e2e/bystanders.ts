import { join, type Room } from "@lekt/client";
import { createServer, type LektServer, type ServerOptions } from "@lekt/server";
import { expect } from "vitest";
import { eventText } from "./event-text.ts";

/** Limits that do not come into the way where everybody comes from one machine. */
const OPEN_DOORS: ServerOptions = { maxConnectionsPerSecond: 100_000, maxClientsPerAddress: 100_000 };
const NETWORK = "bystanders";

/** A server with two well-behaved rooms on it, which note all that they notice. */
export class Bystanders {
  readonly server: LektServer;
  readonly port: number;
  readonly rooms: readonly Room[];
  /** What each room was told since it knew the other. */
  readonly #told: string[][] = [];
  #wake: () => void = () => {};
  #probes = 0;

  private constructor(server: LektServer, port: number, rooms: readonly Room[]) {
    this.server = server;
    this.port = port;
    this.rooms = rooms;
    for (const room of rooms) {
      const told: string[] = [];
      this.#told.push(told);
      room.on((event) => {
        told.push(eventText(event));
        this.#wake();
      });
    }
  }

  static async start(options: ServerOptions = {}): Promise<Bystanders> {
    const server = createServer({ host: "127.0.0.1", port: 0, ...OPEN_DOORS, ...options });
    await server.listen();
    const port = server.address?.port ?? 0;
    const alice = await join(urlOf(port), { name: "alice" });
    const sawBob = new Promise<void>((resolve) => {
      const stop = alice.on((event) => {
        if (event.type !== "joined") return;
        stop();
        resolve();
      });
    });
    const bob = await join(urlOf(port), { name: "bob" });
    await sawBob;
    return new Bystanders(server, port, [alice, bob]);
  }

  /** The network that they are in. */
  get network(): string {
    return NETWORK;
  }

  /** So far the rooms have noticed nothing. What is still on its way is for the next look. */
  expectQuiet(): void {
    for (const told of this.#told) expect(told).toEqual([]);
  }

  /**
   * Somebody joins and leaves again, and that is all that the rooms have noticed: what was sent before
   * has come before.
   */
  async expectUndisturbed(): Promise<void> {
    const name = `probe${++this.#probes}`;
    const probe = await join(urlOf(this.port), { name });
    expect(probe.peers.map((peer) => peer.name).sort()).toEqual(["alice", "bob"]);
    await this.#untilTold(`joined ${name}`);
    await probe.close();
    await this.#untilTold(`left ${name}`);
    for (const told of this.#told) expect(told.splice(0)).toEqual([`joined ${name}`, `left ${name}`]);
    for (const room of this.rooms) {
      expect(room.status.state).toBe("online");
      expect(room.peers).toHaveLength(1);
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.rooms.map((room) => room.close()));
    await this.server.close();
  }

  async #untilTold(text: string): Promise<void> {
    while (!this.#told.every((told) => told.includes(text))) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

function urlOf(port: number): string {
  return `lekt://127.0.0.1:${port}/${NETWORK}`;
}
