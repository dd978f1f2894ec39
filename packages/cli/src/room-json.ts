import type { Peer, Room, RoomEvent } from "@lekt/client";
import { toHex } from "@lekt/protocol";
import { printableText } from "./payload-text.ts";
import { furtherMethods } from "./peer-text.ts";

/** Bytes as hex digits, and as text where all of it can be shown. */
function bytesJson(bytes: Uint8Array): { hex: string; text?: string } {
  const text = printableText(bytes);
  return { hex: toHex(bytes), ...(text !== undefined && { text }) };
}

/** A key whose value is missing is left out. */
function peerJson(peer: Peer): Record<string, unknown> {
  const further = furtherMethods(peer);
  return {
    id: peer.id,
    name: peer.name,
    ip: peer.ip,
    address: peer.address,
    tcp: peer.tcp,
    udp: peer.udp,
    relay: peer.relay,
    webrtc: peer.webrtc,
    data: peer.data && bytesJson(peer.data),
    identity: peer.identity && toHex(peer.identity),
    methods:
      further.length > 0
        ? Object.fromEntries(further.map(([index, payload]) => [index, bytesJson(payload)]))
        : undefined,
    stale: peer.stale,
  };
}

/** What there is to see in a room. */
export function roomJson(room: Room): Record<string, unknown> {
  return {
    url: room.url,
    server: room.server,
    self: room.self && peerJson(room.self),
    peers: room.peers.map(peerJson),
  };
}

export function eventJson(event: RoomEvent): Record<string, unknown> {
  switch (event.type) {
    case "status": {
      const { error, ...status } = event.status;
      return {
        event: "status",
        ...status,
        ...(error && { error: { code: error.code, message: error.message } }),
      };
    }
    case "server":
      return { event: "server", server: event.server };
    case "synced":
      return { event: "synced" };
    default:
      return { event: event.type, peer: peerJson(event.peer) };
  }
}
