import {
  circuitExpiry,
  formatIpv4,
  formatVersion,
  METHOD,
  type MethodInfo,
  methodDefinition,
  toHex,
} from "@lekt/protocol";
import { describePayload, type PayloadPlace, printableText } from "../payload-text.ts";
import type { LocatedPacket } from "./packet-reader.ts";
import { isoTime } from "./packet-text.ts";

/** One packet, or piece of an update, as an object for `--json`. Bytes are hex digits. */
export function packetJson(located: LocatedPacket, showPrivate: boolean): Record<string, unknown> {
  const { offset, byteCount, packet, direction } = located;
  return { offset, bytes: byteCount, direction, type: packet.type, ...fields(located, showPrivate) };
}

function fields({ packet }: LocatedPacket, showPrivate: boolean): Record<string, unknown> {
  switch (packet.type) {
    case "handshake": {
      const { known, methods } = packet;
      return { version: formatVersion(packet.version), known, methods };
    }
    case "response": {
      const info = { index: packet.method, payload: packet.payload };
      return { version: formatVersion(packet.version), ...methodJson(info, "response", showPrivate) };
    }
    case "request":
      return { version: formatVersion(packet.version), index: packet.method, ...nameOf(packet.method) };
    case "circuit": {
      const { version, token } = packet;
      const shown = showPrivate ? { token: toHex(token) } : { tokenBytes: token.length, hidden: true };
      return { version: formatVersion(version), expires: circuitExpiry(token), ...shown };
    }
    case "accept":
      return { version: formatVersion(packet.version) };
    case "reject":
      return { version: formatVersion(packet.version), word: packet.word, message: packet.message };
    case "heartbeat":
      return { version: formatVersion(packet.version), ...time(packet.timestamp) };
    case "added":
    case "removed":
      return { version: formatVersion(packet.version), ...time(packet.timestamp), count: packet.count };
    case "client": {
      const { ip, methods } = packet.object;
      return {
        ip: formatIpv4(ip),
        methods: methods.map((method) => methodJson(method, ip === 0 ? "word" : "object", showPrivate)),
      };
    }
    case "signal": {
      const { identity, payload } = packet;
      const text = printableText(payload);
      return {
        version: formatVersion(packet.version),
        identity: toHex(identity),
        payload: toHex(payload),
        ...(text !== undefined && { text }),
      };
    }
    case "address":
      return { ip: formatIpv4(packet.ip) };
  }
}

function methodJson({ index, payload }: MethodInfo, place: PayloadPlace, showPrivate: boolean) {
  const name = nameOf(index);
  if (index === METHOD.token && !showPrivate) {
    return { index, ...name, payloadBytes: payload.length, hidden: true };
  }
  const { value, fault } = describePayload(index, payload, place);
  const text = printableText(payload);
  return {
    index,
    ...name,
    payload: toHex(payload),
    ...(text !== undefined && { text }),
    ...(value !== undefined && { value }),
    ...(fault !== undefined && { fault }),
  };
}

function nameOf(index: number): { name?: string } {
  const name = index === METHOD.ipv6 ? "ipv6" : methodDefinition(index)?.name;
  return name === undefined ? {} : { name };
}

/** Seconds as text: a 64-bit number does not fit into JSON's. */
function time(seconds: bigint): { timestamp: string; time?: string } {
  const iso = isoTime(seconds);
  return { timestamp: seconds.toString(), ...(iso !== undefined && { time: iso }) };
}
