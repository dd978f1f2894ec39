import { PROTOCOL_VERSION, type Version } from "../version.ts";

/*
 * The header of every packet (spec 1.2)
 *
 *   0   'L' 'E' 'K' 'T'
 *   4   type, VERSION_MAJOR, VERSION_MINOR, VERSION_EXTRA
 */
export const HEADER_BYTES = 8;
const MAGIC = [0x4c, 0x45, 0x4b, 0x54] as const;

/** The type byte; what it means depends on the direction and the phase. */
export const PACKET_TYPE = {
  /** Handshake, heartbeat, update. */
  H: 0x48,
  /** Accept. */
  A: 0x41,
  /** Reject. */
  R: 0x52,
  /** Request, response. */
  T: 0x54,
  /** Circuit. */
  C: 0x43,
  /** Signal. */
  S: 0x53,
} as const;

export function writeHeader(
  bytes: Uint8Array,
  at: number,
  type: number,
  version: Version = PROTOCOL_VERSION,
): void {
  bytes.set(MAGIC, at);
  bytes[at + 4] = type;
  bytes[at + 5] = version.major;
  bytes[at + 6] = version.minor;
  bytes[at + 7] = version.extra;
}

export function readVersion(bytes: Uint8Array, at: number): Version {
  return {
    major: bytes[at + 5] as number,
    minor: bytes[at + 6] as number,
    extra: bytes[at + 7] as number,
  };
}

/** The index of the first of the bytes that have come (at most 4) which is not the magic's, or -1. */
export function magicFault(bytes: Uint8Array, at: number, available: number): number {
  const compared = Math.min(available, MAGIC.length);
  for (let i = 0; i < compared; i++) if (bytes[at + i] !== MAGIC[i]) return i;
  return -1;
}
