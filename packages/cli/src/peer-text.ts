import type { Peer } from "@lekt/client";
import { isAskedFor, type ListeningPorts, METHOD, methodDefinition, toHex } from "@lekt/protocol";
import { bytesText } from "./payload-text.ts";

/** "ada", or what stands for who has no name. */
export function peerName(peer: Peer): string {
  return peer.name ?? "(no name)";
}

export function peerAddress(peer: Peer): string {
  return peer.address ?? `${peer.ip} (IPv6)`;
}

/** What a peer tells of itself beside its name: "tcp 4000, relay, data "hello"". */
export function peerMethods(peer: Peer): string {
  const parts: string[] = [];
  if (peer.tcp) parts.push(portText("tcp", peer.tcp));
  if (peer.udp) parts.push(portText("udp", peer.udp));
  if (peer.relay) parts.push("relay");
  if (peer.webrtc) parts.push("webrtc");
  for (const [index, payload] of furtherMethods(peer)) parts.push(`method ${index} ${bytesText(payload)}`);
  if (peer.data) parts.push(`data ${bytesText(peer.data)}`);
  if (peer.identity) parts.push(`identity ${toHex(peer.identity.subarray(0, 4))}…`);
  return parts.join(", ");
}

/** What this program knows by number alone, or could not read. */
export function furtherMethods(peer: Peer): [index: number, payload: Uint8Array][] {
  return [...peer.methods].filter(([index, payload]) => {
    if (index === METHOD.ipv6) return false;
    const definition = methodDefinition(index);
    return !definition || !isAskedFor(index) || definition.fault(payload) !== undefined;
  });
}

function portText(method: string, ports: ListeningPorts): string {
  const own = ports.port === 0 ? "by signal" : `${ports.port}`;
  const more = ports.endpoints.length > 0 ? ` (+${ports.endpoints.length})` : "";
  return `${method} ${own}${more}`;
}
