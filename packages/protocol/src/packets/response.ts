import { writeU32 } from "../integers.ts";
import type { Version } from "../version.ts";
import { HEADER_BYTES, PACKET_TYPE, writeHeader } from "./header.ts";

/*
 * Response, client to server (spec 4.3)
 *
 *   0   header, type 'T'
 *   8   index of the method (u32)
 *   12  Information (spec 4.4): length (u32)
 *   16  … and so many bytes of payload
 */
export const RESPONSE_HEAD_BYTES = HEADER_BYTES + 8;

export interface ResponsePacket {
  readonly type: "response";
  readonly version: Version;
  readonly method: number;
  readonly payload: Uint8Array;
}

export function encodeResponse(method: number, payload: Uint8Array, version?: Version): Uint8Array {
  const packet = new Uint8Array(RESPONSE_HEAD_BYTES + payload.length);
  writeHeader(packet, 0, PACKET_TYPE.T, version);
  writeU32(packet, 8, method);
  writeU32(packet, 12, payload.length);
  packet.set(payload, RESPONSE_HEAD_BYTES);
  return packet;
}
