import {
  type ClientObject,
  decodeUtf8,
  formatIpv4,
  METHOD,
  payloadOf,
  RosterView,
  SESSION_BYTES,
  type ServerPacket,
  toHex,
} from "@lekt/protocol";

/**
 * A reply in short: `+alice` for a client that was added, `-10.0.0.1` for an address, `server {…}`, `gone 2`
 * (sessions) and `token 00ff…` for words of the server.
 */
export type ReplyText = readonly string[];

/** All whole replies among the packets, and what has come of the next one. */
export function repliesOf(packets: readonly ServerPacket[]): { whole: ReplyText[]; rest: ReplyText } {
  const whole: ReplyText[] = [];
  let rest: string[] = [];
  for (const packet of packets) {
    if (packet.type === "address") rest.push(`-${formatIpv4(packet.ip)}`);
    else if (packet.type === "client") rest.push(textOf(packet.object));
    else if (packet.type === "added" && packet.count === 0) {
      whole.push(rest);
      rest = [];
    }
  }
  return { whole, rest };
}

/** The names in the roster as a client library would have it after the last whole reply, sorted. */
export function rosterOf(packets: readonly ServerPacket[]): string[] {
  const view = new RosterView();
  for (const packet of packets) {
    if (packet.type === "client" && packet.object.ip !== 0) view.added(packet.object);
    else if (packet.type === "client")
      view.gone(payloadOf(packet.object, METHOD.session) ?? new Uint8Array(0));
    else if (packet.type === "address") view.removed(packet.ip);
    else if (packet.type === "added" && packet.count === 0) view.commit(0);
  }
  return [...view.entries()].map(({ object }) => nameOf(object)).sort();
}

function textOf(object: ClientObject): string {
  if (object.ip !== 0) return `+${nameOf(object)}`;
  const gone = payloadOf(object, METHOD.session);
  if (gone) return `gone ${gone.length / SESSION_BYTES}`;
  const token = payloadOf(object, METHOD.resume);
  if (token) return `token ${toHex(token)}`;
  return `server ${textIn(object, METHOD.server)}`;
}

function nameOf(object: ClientObject): string {
  return textIn(object, METHOD.name) || formatIpv4(object.ip);
}

function textIn(object: ClientObject, method: number): string {
  return decodeUtf8(payloadOf(object, method) ?? new Uint8Array(0)) ?? "";
}
