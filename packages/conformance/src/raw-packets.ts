import { encodeUtf8 } from "@lekt/protocol";

/** Bytes that no encoder would write. */

export function u32(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255);
}

/** 8 bytes: the header of a packet (spec 1.2). */
export function rawHeader(type: string, version: readonly number[] = [1, 0, 0]): Uint8Array {
  return bytesOf("LEKT", type, Uint8Array.from(version));
}

/** A handshake with any n and any words (spec 3.1). */
export function rawHandshake(
  known: number,
  words: readonly number[],
  version?: readonly number[],
): Uint8Array {
  return bytesOf(rawHeader("H", version), u32(known), ...words.map(u32));
}

/** A response up to its length; the payload has yet to come (spec 4.3). */
export function rawResponseHead(method: number, length: number): Uint8Array {
  return bytesOf(rawHeader("T"), u32(method), u32(length));
}

/** A signal up to its length; the payload has yet to come (spec 8.1). */
export function rawSignalHead(identity: Uint8Array, length: number): Uint8Array {
  return bytesOf(rawHeader("S"), identity, u32(length));
}

/** Texts as UTF-8, and bytes, one behind the other. */
export function bytesOf(...parts: readonly (string | Uint8Array)[]): Uint8Array {
  const bytes = parts.map((part) => (typeof part === "string" ? encodeUtf8(part) : part));
  return new Uint8Array(bytes.flatMap((part) => [...part]));
}

/** The payload of `tcp`: a port, no further endpoints. */
export function portPayload(port: number): Uint8Array {
  return Uint8Array.of(port >>> 8, port & 255);
}
