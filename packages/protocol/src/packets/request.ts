import { writeU32 } from "../integers.ts";
import type { Version } from "../version.ts";
import { HEADER_BYTES, PACKET_TYPE, writeHeader } from "./header.ts";

/*
 * Request, server to client (spec 4.1)
 *
 *   0   header, type 'T'
 *   8   index of the method that is asked about (u32); 0: setup is over (spec 4.7)
 */
export const REQUEST_BYTES = HEADER_BYTES + 4;

export interface RequestPacket {
  readonly type: "request";
  readonly version: Version;
  readonly method: number;
}

export function encodeRequest(method: number, version?: Version): Uint8Array {
  const packet = new Uint8Array(REQUEST_BYTES);
  writeHeader(packet, 0, PACKET_TYPE.T, version);
  writeU32(packet, 8, method);
  return packet;
}
