import { readU32 } from "../integers.ts";
import type { Version } from "../version.ts";
import { HEADER_BYTES, PACKET_TYPE, writeHeader } from "./header.ts";

/*
 * Circuit, client to server or relay, the first packet of a connection (spec 8.2)
 *
 *   0   header, type 'C'
 *   8   token, 32 bytes: u32 expiry, 12 random bytes, 16 bytes of proof
 */
export interface CircuitPacket {
  readonly type: "circuit";
  readonly version: Version;
  readonly token: Uint8Array;
}

export const CIRCUIT_TOKEN_BYTES = 32;
export const CIRCUIT_BYTES = HEADER_BYTES + CIRCUIT_TOKEN_BYTES;

/** Unix seconds. */
export function circuitExpiry(token: Uint8Array): number {
  return readU32(token, 0);
}

export function encodeCircuit(token: Uint8Array, version?: Version): Uint8Array {
  const packet = new Uint8Array(CIRCUIT_BYTES);
  writeHeader(packet, 0, PACKET_TYPE.C, version);
  packet.set(token, HEADER_BYTES);
  return packet;
}
