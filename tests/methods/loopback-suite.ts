import type { Duplex } from "node:stream";
import { type ConnectionMethod, createIdentity, join, type Room } from "@lekt/client";
import { createServer, type LektServer, type ServerOptions } from "@lekt/server";
import type { MethodSuite, SuiteJoin } from "@lekt/testkit/method-suite";
import { afterAll, beforeAll, expect } from "vitest";

/** Limits that do not come into the way where everybody comes from one machine. */
const OPEN_DOORS: ServerOptions = { maxConnectionsPerSecond: 100_000, maxClientsPerAddress: 100_000 };

/** The methods' suite with real rooms on a real server. To be called once in a file, outside of tests. */
export function loopbackSuite(
  name: string,
  method: () => ConnectionMethod<Duplex>,
  options: ServerOptions = {},
): MethodSuite {
  let server: LektServer;
  beforeAll(async () => {
    server = createServer({ host: "127.0.0.1", port: 0, ...OPEN_DOORS, ...options });
    await server.listen();
  });
  afterAll(() => server.close());
  return {
    name,
    method,
    join: (wishes) => joinWith(`lekt://127.0.0.1:${server.address?.port}/${name}`, wishes),
    meets: async (room, identity) => {
      const has = () =>
        room.peers.some((peer) => peer.identity && Buffer.from(identity).equals(peer.identity));
      await expect.poll(has).toBe(true);
    },
  };
}

async function joinWith(url: string, { method, networkKey, impostor }: SuiteJoin): Promise<Room> {
  const own = await createIdentity();
  const identity = impostor ? { ...own, fingerprint: (await createIdentity()).fingerprint } : own;
  return join(url, { methods: [method], identity, ...(networkKey && { networkKey }) });
}
