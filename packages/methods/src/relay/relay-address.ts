import { parseIpv6 } from "@lekt/protocol";

/** Where a relay listens. */
export interface RelayAddress {
  readonly host: string;
  readonly port: number;
}

/** @returns undefined where `text` is not "host:port", with an IPv6 address in brackets. */
export function parseRelayAddress(text: string): RelayAddress | undefined {
  const [, ipv6, name, digits] = /^(?:\[([^\]]*)\]|([A-Za-z0-9._-]{1,253})):([0-9]{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  const host = ipv6 !== undefined && !parseIpv6(ipv6) ? undefined : (ipv6 ?? name);
  return host !== undefined && port >= 1 && port <= 65_535 ? { host, port } : undefined;
}

/** "host:port" again. */
export function formatRelayAddress({ host, port }: RelayAddress): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
