import type { Endpoint } from "@lekt/protocol";

/** "address:port", IPv6 in brackets. */
export function endpointText({ address, port }: Endpoint): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}
