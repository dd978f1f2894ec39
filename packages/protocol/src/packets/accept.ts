import type { Version } from "../version.ts";
import { HEADER_BYTES, PACKET_TYPE, writeHeader } from "./header.ts";

/*
 * Accept, server to client (spec 3.7)
 *
 *   0   header, type 'A'; the version is the server's
 */
export interface AcceptPacket {
  readonly type: "accept";
  readonly version: Version;
}

export function encodeAccept(version?: Version): Uint8Array {
  const packet = new Uint8Array(HEADER_BYTES);
  writeHeader(packet, 0, PACKET_TYPE.A, version);
  return packet;
}
