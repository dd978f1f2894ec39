import { readU32, writeU32 } from "../integers.ts";
import type { Version } from "../version.ts";
import { HEADER_BYTES, PACKET_TYPE, writeHeader } from "./header.ts";

/*
 * Handshake, client to server, the first packet (spec 3.1)
 *
 *   0   header, type 'H'
 *   8   n: number of known connection methods (u32)
 *   12  ceil(n / 32) words (u32): method m is bit (m - 1) mod 32 of word floor((m - 1) / 32)
 */
export interface HandshakePacket {
  readonly type: "handshake";
  readonly version: Version;
  /** The client knows methods 1 … known. */
  readonly known: number;
  /** The methods that it supports, ascending. */
  readonly methods: readonly number[];
}

export function encodeHandshake(known: number, methods: Iterable<number>, version?: Version): Uint8Array {
  const words = Math.ceil(known / 32);
  const packet = new Uint8Array(HEADER_BYTES + 4 + 4 * words);
  writeHeader(packet, 0, PACKET_TYPE.H, version);
  writeU32(packet, 8, known);
  for (const method of methods) {
    if (!Number.isInteger(method) || method < 1 || method > known) {
      throw new RangeError(`method ${method} is not one of the ${known} known ones`);
    }
    const at = 12 + 4 * Math.floor((method - 1) / 32);
    writeU32(packet, at, readU32(packet, at) | (1 << ((method - 1) % 32)));
  }
  return packet;
}

/** The methods of one word of the bitfield, ascending. */
export function methodsOfWord(word: number, wordIndex: number): number[] {
  const methods: number[] = [];
  for (let bit = 0; bit < 32; bit++) if ((word >>> bit) & 1) methods.push(32 * wordIndex + bit + 1);
  return methods;
}

/** Whether the word has a bit past n (spec 3.4). */
export function hasBitPast(known: number, word: number, wordIndex: number): boolean {
  const bits = known - 32 * wordIndex;
  return bits < 32 && word >>> bits !== 0;
}
