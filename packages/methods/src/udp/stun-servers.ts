import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { type Endpoint, type NetworkFacts, serviceObstacle } from "@lekt/protocol";

/** Names that are looked up: a server has two ports, and perhaps a second address. */
const MAX_NAMES = 8;

/** @returns one address of each family for each server that is known, where it may be sent to (spec 9.5.6). */
export async function resolveStunServers(facts: NetworkFacts | undefined): Promise<Endpoint[]> {
  const { stun = [], publicAddress: ownPublicAddress, localAddress: ownLocalAddress } = facts ?? {};
  const resolved = await Promise.all(stun.slice(0, MAX_NAMES).map(resolveServer));
  const endpoints = resolved
    .flat()
    .filter(
      ({ address }) =>
        serviceObstacle({ address, namedBy: "server", ownPublicAddress, ownLocalAddress }) === undefined,
    );
  return endpoints.filter(
    ({ address, port }, i) =>
      endpoints.findIndex((other) => other.address === address && other.port === port) === i,
  );
}

async function resolveServer(server: string): Promise<Endpoint[]> {
  const parts = /^\[?([^\]]+?)\]?:(\d{1,5})$/.exec(server);
  const [, host, digits] = parts ?? [];
  const port = Number(digits);
  if (host === undefined || !(port >= 1 && port <= 65_535)) return [];
  if (isIP(host)) return [{ address: host, port }];
  const found = await lookup(host, { all: true }).catch(() => []);
  return [4, 6].flatMap((family) => {
    const first = found.find((address) => address.family === family);
    return first ? [{ address: first.address, port }] : [];
  });
}
