import { readU32, writeU32 } from "../integers.ts";
import { MAX_HOLD_MS } from "../limits.ts";

/** `hold`: u32 milliseconds; larger values count as 25,000. @returns the fault, as text, where malformed. */
export function decodeHold(payload: Uint8Array): number | string {
  if (payload.length !== 4) return "it is not 4 bytes long";
  return Math.min(readU32(payload, 0), MAX_HOLD_MS);
}

export function encodeHold(holdMs: number): Uint8Array {
  const payload = new Uint8Array(4);
  writeU32(payload, 0, holdMs);
  return payload;
}
