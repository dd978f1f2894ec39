import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import type { Endpoint } from "@lekt/protocol";

/** @param servers "host:port" each. @returns one address of each family for each of them that is known. */
export async function resolveStunServers(servers: readonly string[]): Promise<Endpoint[]> {
  const resolved = await Promise.all(servers.map(resolveServer));
  const endpoints = resolved.flat();
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
