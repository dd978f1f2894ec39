import { createHmac, timingSafeEqual } from "node:crypto";
import { CIRCUIT_TOKEN_BYTES, circuitExpiry } from "@lekt/protocol";

/*
 * Circuit token (spec 8.2)
 *
 *   0   u32 expiry, Unix seconds
 *   4   12 random bytes
 *  16   the first 16 bytes of HMAC-SHA256 over these 16, under the key that server and relays share
 */
export const CIRCUIT_RANDOM_BYTES = 12;
const STATEMENT_BYTES = 4 + CIRCUIT_RANDOM_BYTES;
/** A shorter key could be guessed from a token that one has. */
export const RELAY_KEY_BYTES = 32;

/** Why a token gets nobody into a circuit. */
export type CircuitTokenFault = "forged" | "expired";

/** @param random 12 bytes that nobody can guess. */
export function mintCircuitToken(
  key: Uint8Array,
  expiresUnixSeconds: number,
  random: Uint8Array,
): Uint8Array {
  const token = Buffer.alloc(CIRCUIT_TOKEN_BYTES);
  token.writeUInt32BE(expiresUnixSeconds);
  token.set(random, 4);
  token.set(proofOf(key, token), STATEMENT_BYTES);
  return token;
}

export function circuitTokenFault(
  key: Uint8Array,
  token: Uint8Array,
  nowUnixSeconds: number,
): CircuitTokenFault | undefined {
  if (token.length !== CIRCUIT_TOKEN_BYTES) return "forged";
  if (!timingSafeEqual(proofOf(key, token), token.subarray(STATEMENT_BYTES))) return "forged";
  return nowUnixSeconds > circuitExpiry(token) ? "expired" : undefined;
}

function proofOf(key: Uint8Array, token: Uint8Array): Uint8Array {
  const digest = createHmac("sha256", key).update(token.subarray(0, STATEMENT_BYTES)).digest();
  return digest.subarray(0, CIRCUIT_TOKEN_BYTES - STATEMENT_BYTES);
}
