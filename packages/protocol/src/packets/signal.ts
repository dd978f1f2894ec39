import type { ByteQueue } from "../byte-queue.ts";
import { readU32, writeU32 } from "../integers.ts";
import { IDENTITY_BYTES } from "../method-list.ts";
import type { Version } from "../version.ts";
import { HEADER_BYTES, PACKET_TYPE, readVersion, writeHeader } from "./header.ts";

/*
 * Signal, both ways (spec 8.1)
 *
 *   0   header, type 'S'
 *   8   identity, 32 bytes: the target's on the way up, the sender's on the way down
 *   40  length (u32): 1 to 16,384; from the server 0: nobody with that identity was reached
 *   44  … and so many bytes of payload
 */
const LENGTH_AT = HEADER_BYTES + IDENTITY_BYTES;
const SIGNAL_HEAD_BYTES = LENGTH_AT + 4;

/** The identity that stands for the server (spec 8.1.6). */
export const SERVER_IDENTITY: Uint8Array = new Uint8Array(IDENTITY_BYTES);

export interface SignalPacket {
  readonly type: "signal";
  readonly version: Version;
  readonly identity: Uint8Array;
  readonly payload: Uint8Array;
}

/** @param payload empty, from a server: the packet comes back. */
export function encodeSignal(identity: Uint8Array, payload: Uint8Array, version?: Version): Uint8Array {
  const packet = new Uint8Array(SIGNAL_HEAD_BYTES + payload.length);
  writeHeader(packet, 0, PACKET_TYPE.S, version);
  packet.set(identity, HEADER_BYTES);
  writeU32(packet, LENGTH_AT, payload.length);
  packet.set(payload, SIGNAL_HEAD_BYTES);
  return packet;
}

/** The length of the payload of the signal that comes next; undefined where its head is not whole yet. */
export function signalPayloadBytes(queue: ByteQueue): number | undefined {
  return queue.length < SIGNAL_HEAD_BYTES ? undefined : readU32(queue.bytes, queue.start + LENGTH_AT);
}

/** Takes the signal that comes next off the queue; undefined where it is not whole yet. */
export function takeSignal(queue: ByteQueue, payloadBytes: number): SignalPacket | undefined {
  if (queue.length < SIGNAL_HEAD_BYTES + payloadBytes) return undefined;
  const version = readVersion(queue.bytes, queue.start);
  const identity = queue.copy(HEADER_BYTES, IDENTITY_BYTES);
  const payload = queue.copy(SIGNAL_HEAD_BYTES, payloadBytes);
  queue.consume(SIGNAL_HEAD_BYTES + payloadBytes);
  return { type: "signal", version, identity, payload };
}
