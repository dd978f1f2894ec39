import {
  decodeHold,
  decodeListeningPorts,
  decodeServerInfo,
  decodeText,
  decodeUdp,
  decodeUtf8,
  formatIpv6,
  type ListeningPorts,
  MAX_NAME_BYTES,
  MAX_NETWORK_NAME_BYTES,
  METHOD,
  methodDefinition,
  SESSION_BYTES,
  safeText,
  toHex,
} from "@lekt/protocol";
import { endpointText } from "./endpoint-text.ts";

/** One method's payload, for people and for programs. */
export interface PayloadDescription {
  readonly text: string;
  /** The decoded value, as JSON would have it; undefined where the list has no form for it. */
  readonly value?: unknown;
  /** Which rule of the list it breaks. */
  readonly fault?: string;
}

/** Where a payload stands: a client's response, a client object, or a word from the server (an object with IP 0.0.0.0). */
export type PayloadPlace = "response" | "object" | "word";

export function describePayload(index: number, payload: Uint8Array, place: PayloadPlace): PayloadDescription {
  if (place === "word") return wordFromServer(index, payload);
  if (place === "object" && index === METHOD.session) return sessions(payload, 1);
  if (index === METHOD.ipv6) return ipv6(payload);
  const fault = methodDefinition(index)?.fault(payload);
  if (fault !== undefined) return { text: `malformed, ${fault}: ${bytesText(payload)}`, fault };
  switch (index) {
    case METHOD.tcp: {
      const ports = decodeListeningPorts(payload) as ListeningPorts;
      return { text: portsText(ports), value: ports };
    }
    case METHOD.udp: {
      const ports = decodeUdp(payload) as ListeningPorts;
      return { text: portsText(ports), value: ports };
    }
    case METHOD.network:
      return named(payload, MAX_NETWORK_NAME_BYTES);
    case METHOD.name:
      return named(payload, MAX_NAME_BYTES);
    case METHOD.identity:
      return { text: toHex(payload) };
    case METHOD.hold: {
      const holdMs = decodeHold(payload) as number;
      return { text: `${holdMs / 1_000} s`, value: { holdMs } };
    }
    default:
      return opaque(payload);
  }
}

function wordFromServer(index: number, payload: Uint8Array): PayloadDescription {
  if (index === METHOD.server) return serverInfo(payload);
  if (index === METHOD.session) return sessions(payload, Number.POSITIVE_INFINITY);
  return opaque(payload);
}

/** In an object one session, in a word those that are gone (spec 5.8). */
function sessions(payload: Uint8Array, most: number): PayloadDescription {
  const count = payload.length / SESSION_BYTES;
  if (!Number.isInteger(count) || count < 1 || count > most) {
    const fault =
      most === 1 ? `it is not ${SESSION_BYTES} bytes long` : `it is not made of ${SESSION_BYTES} bytes each`;
    return { text: `malformed, ${fault}: ${bytesText(payload)}`, fault };
  }
  const value = Array.from({ length: count }, (_, i) =>
    toHex(payload.subarray(i * SESSION_BYTES, (i + 1) * SESSION_BYTES)),
  );
  return { text: most === 1 ? toHex(payload) : `gone: ${value.join(", ")}`, value };
}

/** "port 4000, also at 192.168.1.20:4000" */
function portsText(ports: ListeningPorts): string {
  const own = ports.port === 0 ? "no open port" : `port ${ports.port}`;
  if (ports.endpoints.length === 0) return own;
  return `${own}, also at ${ports.endpoints.map(endpointText).join(", ")}`;
}

/** The text that the bytes are, where all of it can be shown as it is. */
export function printableText(bytes: Uint8Array): string | undefined {
  const text = decodeUtf8(bytes);
  return text && safeText(text) === text ? text : undefined;
}

const SHOWN_BYTES = 48;

/** `"hello"`, or hex digits, or "empty"; long ones are cut. */
export function bytesText(bytes: Uint8Array): string {
  if (bytes.length === 0) return "empty";
  const text = printableText(bytes);
  if (text !== undefined) return `"${text}"`;
  const hex = toHex(bytes.subarray(0, SHOWN_BYTES));
  return bytes.length > SHOWN_BYTES ? `${hex}… (${bytes.length} bytes)` : hex;
}

function opaque(payload: Uint8Array): PayloadDescription {
  return { text: bytesText(payload) };
}

function named(payload: Uint8Array, maxBytes: number): PayloadDescription {
  const { text } = decodeText(payload, maxBytes) as { text: string };
  return { text: `"${safeText(text)}"`, value: text };
}

function ipv6(payload: Uint8Array): PayloadDescription {
  if (payload.length === 16) return { text: formatIpv6(payload), value: formatIpv6(payload) };
  const fault = "it is not 16 bytes long";
  return { text: `malformed, ${fault}: ${bytesText(payload)}`, fault };
}

function serverInfo(payload: Uint8Array): PayloadDescription {
  const value = decodeServerInfo(payload);
  if (value) return { text: safeText(decodeUtf8(payload) as string), value };
  const fault = "it is no JSON object";
  return { text: `malformed, ${fault}: ${bytesText(payload)}`, fault };
}
