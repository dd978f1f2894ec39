import { copyBytes } from "../bytes.ts";
import { readU32, writeU32 } from "../integers.ts";

/*
 * A resume token of this server; to everybody else it is opaque (spec 5.19)
 *
 *   0   name of the history, random (16 bytes)
 *   16  position in it (u64)
 */
export const HISTORY_ID_BYTES = 16;
const TOKEN_BYTES = HISTORY_ID_BYTES + 8;

export const MAX_RESUME_TOKEN_BYTES = 1_024;

export function encodeResumeToken(historyId: Uint8Array, position: number): Uint8Array {
  const token = new Uint8Array(TOKEN_BYTES);
  token.set(historyId);
  writeU32(token, HISTORY_ID_BYTES, Math.floor(position / 2 ** 32));
  writeU32(token, HISTORY_ID_BYTES + 4, position % 2 ** 32);
  return token;
}

export function decodeResumeToken(
  token: Uint8Array,
): { historyId: Uint8Array; position: number } | undefined {
  if (token.length !== TOKEN_BYTES) return undefined;
  return {
    historyId: copyBytes(token.subarray(0, HISTORY_ID_BYTES)),
    position: readU32(token, HISTORY_ID_BYTES) * 2 ** 32 + readU32(token, HISTORY_ID_BYTES + 4),
  };
}
