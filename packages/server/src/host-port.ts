import { formatIpv4, formatIpv6, rosterAddress } from "@lekt/protocol";

/** "host:port"; an IPv6 address in brackets, an IPv4-mapped one as IPv4. */
export function hostPort(host: string, port: number): string {
  const address = rosterAddress(host);
  if (!address) return `${host}:${port}`;
  return address.ipv6 ? `[${formatIpv6(address.ipv6)}]:${port}` : `${formatIpv4(address.ip)}:${port}`;
}

/** Whether it is a host (name, IPv4 address, or IPv6 address in brackets), a colon, and a port from 1 up. */
export function isHostPort(text: string): boolean {
  const match = /^(\[[0-9a-fA-F:.]+\]|[^\s:[\]/]+):([0-9]{1,5})$/.exec(text);
  return match !== null && Number(match[2]) >= 1 && Number(match[2]) <= 65_535;
}

/** Whether it is a name or an address, an IPv6 address with or without brackets. */
export function isHost(text: string): boolean {
  return rosterAddress(text) !== undefined || isHostPort(`${text}:1`);
}
