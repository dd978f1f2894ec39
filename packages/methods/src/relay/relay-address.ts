/** Where a relay listens. */
export interface RelayAddress {
  readonly host: string;
  readonly port: number;
}

/** @returns undefined where `text` is not "host:port", with an IPv6 address in brackets. */
export function parseRelayAddress(text: string): RelayAddress | undefined {
  const match = /^(?:\[([0-9a-fA-F:.]{2,45})\]|([A-Za-z0-9._-]{1,253})):([0-9]{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  const host = match?.[1] ?? match?.[2];
  return host !== undefined && port >= 1 && port <= 65_535 ? { host, port } : undefined;
}

/** "host:port" again. */
export function formatRelayAddress({ host, port }: RelayAddress): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
