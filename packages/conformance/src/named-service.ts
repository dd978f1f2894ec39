import { lookup } from "node:dns/promises";
import { serviceObstacle } from "@lekt/protocol";
import { Failed, Skipped } from "./check.ts";
import type { Line } from "./line.ts";

export interface ServiceAddress {
  readonly host: string;
  readonly port: number;
  readonly isIpv6: boolean;
}

/**
 * Where a service is that the server names, "host:port".
 * @param line a connection to that server.
 * @throws Failed where that is nothing; Skipped where a client would not send to it (spec 9.5.6).
 */
export async function namedService(text: string, line: Line): Promise<ServiceAddress> {
  const [, ipv6, name, digits] = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = ipv6 ?? name;
  if (host === undefined) throw new Failed('an address "host:port"', JSON.stringify(text));
  const found = await lookup(host).catch(() => {
    throw new Skipped(`the name in ${text} leads to no address`);
  });
  const obstacle = serviceObstacle({
    address: found.address,
    namedBy: "server",
    ownPublicAddress: undefined,
    ownLocalAddress: line.socket.localAddress,
  });
  if (obstacle !== undefined) throw new Skipped(`${text} is not sent to: ${obstacle}`);
  return { host: found.address, port: Number(digits), isIpv6: found.family === 6 };
}
