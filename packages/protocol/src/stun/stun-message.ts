import { readU16, readU32, writeU16, writeU32 } from "../integers.ts";

/*
 * A STUN message (RFC 8489, section 5; spec 8.3)
 *
 *   0   u16 type, whose two highest bits are 0; u16 length of the attributes, a multiple of 4
 *   4   magic cookie
 *   8   transaction id
 *  20   attributes: u16 type, u16 length, value, 0 to 3 bytes of padding
 */
export const STUN_HEADER_BYTES = 20;
export const STUN_TRANSACTION_ID_BYTES = 12;
export const STUN_MAGIC_COOKIE = 0x2112a442;
const ATTRIBUTE_HEAD_BYTES = 4;

export const STUN_TYPE = { bindingRequest: 0x0001, bindingSuccess: 0x0101, bindingError: 0x0111 } as const;

interface StunAttribute {
  readonly type: number;
  readonly value: Uint8Array;
}

export interface StunMessage {
  readonly type: number;
  readonly transactionId: Uint8Array;
  readonly attributes: readonly StunAttribute[];
}

/** Tells STUN from whatever else comes to the same UDP socket, by its head and its length. */
export function isStunPacket(bytes: Uint8Array): boolean {
  return (
    bytes.length >= STUN_HEADER_BYTES &&
    (bytes[0] as number) < 0x40 &&
    readU32(bytes, 4) === STUN_MAGIC_COOKIE &&
    readU16(bytes, 2) === bytes.length - STUN_HEADER_BYTES &&
    bytes.length % 4 === 0
  );
}

export function encodeStunMessage({ type, transactionId, attributes }: StunMessage): Uint8Array {
  let length = STUN_HEADER_BYTES;
  for (const { value } of attributes) length += ATTRIBUTE_HEAD_BYTES + paddedLength(value.length);
  const bytes = new Uint8Array(length);
  writeU16(bytes, 0, type);
  writeU16(bytes, 2, length - STUN_HEADER_BYTES);
  writeU32(bytes, 4, STUN_MAGIC_COOKIE);
  bytes.set(transactionId, 8);
  let at = STUN_HEADER_BYTES;
  for (const attribute of attributes) {
    writeU16(bytes, at, attribute.type);
    writeU16(bytes, at + 2, attribute.value.length);
    bytes.set(attribute.value, at + ATTRIBUTE_HEAD_BYTES);
    at += ATTRIBUTE_HEAD_BYTES + paddedLength(attribute.value.length);
  }
  return bytes;
}

/** @returns undefined where it is no STUN message, or an attribute goes past its end. */
export function decodeStunMessage(bytes: Uint8Array): StunMessage | undefined {
  if (!isStunPacket(bytes)) return undefined;
  const attributes: StunAttribute[] = [];
  let at = STUN_HEADER_BYTES;
  while (at < bytes.length) {
    // Both are multiples of 4, so the four bytes of its head are there.
    const length = readU16(bytes, at + 2);
    const start = at + ATTRIBUTE_HEAD_BYTES;
    if (start + length > bytes.length) return undefined;
    attributes.push({ type: readU16(bytes, at), value: bytes.subarray(start, start + length) });
    at = start + paddedLength(length);
  }
  const transactionId = bytes.subarray(8, 8 + STUN_TRANSACTION_ID_BYTES);
  return { type: readU16(bytes, 0), transactionId, attributes };
}

function paddedLength(length: number): number {
  return Math.ceil(length / 4) * 4;
}
