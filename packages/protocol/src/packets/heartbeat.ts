import { writeI64 } from "../integers.ts";
import type { Version } from "../version.ts";
import { HEADER_BYTES, PACKET_TYPE, writeHeader } from "./header.ts";

/*
 * Heartbeat, client to server (spec 5.1)
 *
 *   0   header, type 'H'
 *   8   Unix time stamp in seconds (i64)
 */
export const HEARTBEAT_BYTES = HEADER_BYTES + 8;

export interface HeartbeatPacket {
  readonly type: "heartbeat";
  readonly version: Version;
  readonly timestamp: bigint;
}

export function encodeHeartbeat(timestamp: bigint, version?: Version): Uint8Array {
  const packet = new Uint8Array(HEARTBEAT_BYTES);
  writeHeader(packet, 0, PACKET_TYPE.H, version);
  writeI64(packet, 8, timestamp);
  return packet;
}
