import {
  type ClientObject,
  decodeListeningPorts,
  decodeText,
  decodeUdp,
  formatIpv4,
  formatIpv6,
  IDENTITY_BYTES,
  type ListeningPorts,
  MAX_NAME_BYTES,
  METHOD,
  safeText,
  type UdpPayload,
} from "@lekt/protocol";

/**
 * Another client in the network, as it was told: nothing of it is proven. It never changes; where a
 * peer goes stale or comes back, another object with the same `id` takes its place.
 */
export interface Peer {
  /** Unique in this room's life, and the same for as long as the peer is there. */
  readonly id: string;
  /** The four bytes of the roster, dotted: an IPv4 address, or one that only stands for an IPv6 address (spec 5.12). */
  readonly ip: string;
  /** What can be dialled, IPv4 or IPv6; undefined where the roster holds neither. */
  readonly address: string | undefined;
  /** Made safe for terminals and logs: what is invisible or moves the cursor stands as `\u{…}`. */
  readonly name: string | undefined;
  /** Bytes of the application, at most 1,024. */
  readonly data: Uint8Array | undefined;
  /** 32 bytes. */
  readonly identity: Uint8Array | undefined;
  readonly tcp: ListeningPorts | undefined;
  readonly udp: UdpPayload | undefined;
  readonly relay: boolean;
  readonly webrtc: boolean;
  /** Missing since a reconnect, and perhaps on its way back. */
  readonly stale: boolean;
  /** All that the peer told, by index, unknown ones included; as bytes. Its session is the server's and not here. */
  readonly methods: ReadonlyMap<number, Uint8Array>;
}

/** A payload that cannot be read makes that one method useless, no more (spec 5.6.4). */
export function peerOf(id: string, object: ClientObject, stale: boolean): Peer {
  const told = object.methods.filter(({ index }) => index !== METHOD.session);
  const methods = new Map(told.map(({ index, payload }) => [index, payload]));
  const decode = <T extends object>(index: number, decoder: (payload: Uint8Array) => T | string) => {
    const payload = methods.get(index);
    const decoded = payload && decoder(payload);
    return typeof decoded === "object" ? decoded : undefined;
  };
  const name = decode(METHOD.name, (payload) => decodeText(payload, MAX_NAME_BYTES));
  const identity = methods.get(METHOD.identity);
  return Object.freeze({
    id,
    ip: formatIpv4(object.ip),
    address: addressOf(object.ip, methods.get(METHOD.ipv6)),
    name: name && safeText(name.text),
    data: methods.get(METHOD.data),
    identity: identity?.length === IDENTITY_BYTES ? identity : undefined,
    tcp: decode(METHOD.tcp, decodeListeningPorts),
    udp: decode(METHOD.udp, decodeUdp),
    relay: methods.has(METHOD.relay),
    webrtc: methods.has(METHOD.webrtc),
    stale,
    methods,
  });
}

/** A pseudo address (240.0.0.0 and up) is never dialled (spec 5.12.2). */
function addressOf(ip: number, ipv6: Uint8Array | undefined): string | undefined {
  if (ip >>> 28 !== 15) return formatIpv4(ip);
  return ipv6?.length === 16 ? formatIpv6(ipv6) : undefined;
}
