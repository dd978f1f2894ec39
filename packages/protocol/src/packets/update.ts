import { writeI64, writeU32 } from "../integers.ts";
import { PACKET_TARGET_BYTES } from "../limits.ts";
import type { Version } from "../version.ts";
import type { ClientObject } from "./client-object.ts";
import { HEADER_BYTES, PACKET_TYPE, writeHeader } from "./header.ts";

/*
 * Update, server to client: clients added (spec 5.5) or removed (spec 5.7)
 *
 *   0   header, type 'H'
 *   8   Unix time stamp in seconds (i64)
 *   16  'A' or 'R', then how many clients follow (u24)
 *   20  'A': client objects; 'R': IPs (u32 each)
 *
 * An 'A' packet with a count of 0 ends a reply (spec 5.4).
 */
export const UPDATE_HEAD_BYTES = HEADER_BYTES + 12;
export const MAX_UPDATE_COUNT = 0xffffff;

export const UPDATE_KIND = { added: 0x41, removed: 0x52 } as const;
export type UpdateKind = keyof typeof UPDATE_KIND;

/** The head of an update; `count` client objects follow. */
export interface AddedPacket {
  readonly type: "added";
  readonly version: Version;
  readonly timestamp: bigint;
  readonly count: number;
}

/** The head of an update; `count` addresses follow. */
export interface RemovedPacket {
  readonly type: "removed";
  readonly version: Version;
  readonly timestamp: bigint;
  readonly count: number;
}

/** One client object of an Added packet. */
export interface AddedClient {
  readonly type: "client";
  readonly object: ClientObject;
}

/** One address of a Removed packet: every client with it is gone. */
export interface RemovedAddress {
  readonly type: "address";
  readonly ip: number;
}

function writeUpdateHead(packet: Uint8Array, kind: UpdateKind, timestamp: bigint, count: number): void {
  writeHeader(packet, 0, PACKET_TYPE.H);
  writeI64(packet, 8, timestamp);
  writeU32(packet, 16, (UPDATE_KIND[kind] << 24) | count);
}

export function encodeEndOfReply(timestamp: bigint): Uint8Array {
  const packet = new Uint8Array(UPDATE_HEAD_BYTES);
  writeUpdateHead(packet, "added", timestamp, 0);
  return packet;
}

/**
 * Encodes a list as packets of at most `PACKET_TARGET_BYTES`.
 * @param entries encoded client objects (their size field included) or 4-byte IPs, as `kind` says.
 * @param allocate gives the memory of each packet, of exactly the asked size.
 */
export function encodeUpdates(
  kind: UpdateKind,
  entries: readonly Uint8Array[],
  timestamp: bigint,
  allocate: (bytes: number) => Uint8Array,
): void {
  const entry = (index: number) => entries[index] as Uint8Array;
  for (let next = 0; next < entries.length; ) {
    next = encodeUpdate(kind, entry, next, entries.length, timestamp, allocate);
  }
}

/**
 * Encodes as many of a list's entries as one packet holds (spec 5.10).
 * @param first the entry to begin with; `end` is behind the last one.
 * @returns the entry to go on with.
 */
export function encodeUpdate(
  kind: UpdateKind,
  entry: (index: number) => Uint8Array,
  first: number,
  end: number,
  timestamp: bigint,
  allocate: (bytes: number) => Uint8Array,
): number {
  const entries: Uint8Array[] = [];
  let bytes = UPDATE_HEAD_BYTES;
  for (let next = first; next < end; next++) {
    const bytesOfEntry = entry(next);
    if (next > first && bytes + bytesOfEntry.length > PACKET_TARGET_BYTES) break;
    entries.push(bytesOfEntry);
    bytes += bytesOfEntry.length;
  }
  const packet = allocate(bytes);
  writeUpdateHead(packet, kind, timestamp, entries.length);
  let at = UPDATE_HEAD_BYTES;
  for (const bytesOfEntry of entries) {
    packet.set(bytesOfEntry, at);
    at += bytesOfEntry.length;
  }
  return first + entries.length;
}
