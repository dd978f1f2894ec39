import { FORTY } from "../harness/forty-bytes.ts";
import type { Rival } from "../harness/rival.ts";

/** A node of the distributed hash table answers a lookup with so many (`hyperdht`, lib/persistent.js). */
const FOUND_AT_MOST = 20;
const TOPIC = Buffer.alloc(32, "lekt");
/** Who come at the same time miss each other. It looks again after ten minutes by default. */
const REFRESH_MS = 1_000;
const HOST = "127.0.0.1";
const INSTALL = "npm install --no-save hyperswarm@4.17.2 hyperdht@6.34.0";

/** What is used of the packages, which have no types and, being native code of 34 MB, are not installed with the rest. */
interface Swarm {
  on(event: "connection", listener: (connection: SwarmConnection) => void): void;
  join(topic: Buffer): { flushed(): Promise<unknown>; refresh(): Promise<unknown> };
  destroy(): Promise<void>;
}

interface SwarmConnection {
  on(event: "data", listener: (bytes: Buffer) => void): void;
  on(event: "close" | "error", listener: () => void): void;
  write(bytes: Buffer): void;
}

type Constructor<Options, Instance> = new (options: Options) => Instance;
interface Bootstrap {
  readonly host: string;
  readonly port: number;
}

/** The names are no literals, so that the compiler does not ask for what need not be there. */
async function load<T>(name: string): Promise<T> {
  return ((await import(name)) as { readonly default: T }).default;
}

export const rival: Rival = {
  name: "hyperswarm",
  title: "hyperswarm, all peers",
  cannot: [
    "It has no server that knows who is there: each pair that finds each other opens an encrypted connection of its own, and only over that do they tell who they are. Made for tens of peers that then exchange much, not for a roster.",
    `A lookup finds about ${FOUND_AT_MOST} on each node of its hash table, so in larger crowds nobody learns of everybody; with twenty it is a matter of chance.`,
    "The peers do the work, so theirs is counted as well.",
  ],
  knowsAtMost: FOUND_AT_MOST - 1,
  repeats: true,
  peersWork: true,
  maxMembers: 20,
  missing: async () => {
    try {
      await load("hyperswarm");
      await load("hyperdht/testnet.js");
      return undefined;
    } catch {
      return `hyperswarm is not installed (${INSTALL})`;
    }
  },
  server: {
    // What the tests of hyperswarm use: a hash table of three nodes on this machine.
    listen: async (host) => {
      const createTestnet =
        await load<
          (
            size: number,
            options: { readonly host: string },
          ) => Promise<{ readonly bootstrap: readonly Bootstrap[] }>
        >("hyperdht/testnet.js");
      const { bootstrap } = await createTestnet(3, { host });
      return bootstrap[0]?.port ?? 0;
    },
  },
  connect: async ({ host, port }, member) => {
    const Table = await load<Constructor<object, object>>("hyperdht");
    const Swarm = await load<Constructor<object, Swarm>>("hyperswarm");
    const dht = new Table({ bootstrap: [{ host, port }], host: HOST, firewalled: false });
    // README of hyperswarm: it keeps 64 peers unless it is told otherwise.
    const swarm = new Swarm({ dht, maxPeers: Number.POSITIVE_INFINITY });
    const bytes = member.fortyBytes();
    swarm.on("connection", (connection) => {
      let number = -1;
      let rest = Buffer.alloc(0);
      connection.on("error", () => {});
      connection.on("close", () => {
        if (number < 0) return;
        member.forget(number);
        member.settle();
      });
      connection.on("data", (chunk) => {
        rest = Buffer.concat([rest, chunk]);
        if (number >= 0 || rest.length < FORTY) return;
        number = member.learn(rest, 0);
        member.settle();
      });
      connection.write(bytes);
    });
    const discovery = swarm.join(TOPIC);
    await discovery.flushed();
    const timer = setInterval(() => discovery.refresh().catch(() => {}), REFRESH_MS);
    return {
      leave: () => {
        clearInterval(timer);
        void swarm.destroy();
      },
    };
  },
};
