import { LektError } from "@lekt/protocol";
import { RELAY_KEY_BYTES } from "./circuit-token.ts";

/** Every number has its reason in `spec/limits.md`. */
export const CIRCUIT_DEFAULTS = {
  maxCircuits: 1_024,
  maxCircuitsPerAddress: 256,
  maxCircuitBytes: 16 * 1_024 ** 3,
};

export const CIRCUIT_RANGES = { maxCircuitBytes: [1, Number.MAX_SAFE_INTEGER] } as const;

/** Each circuit has two connections, and a connection a file descriptor. */
export function circuitsWithin(maxCircuits: number, descriptors: number): number {
  return Math.max(1, Math.min(maxCircuits, Math.floor(descriptors / 2)));
}

/** @throws LektError `LEKT_OPTION` */
export function checkRelayKey(key: Uint8Array): void {
  if (key.length >= RELAY_KEY_BYTES) return;
  throw new LektError(
    "LEKT_OPTION",
    `The relay's key must have ${RELAY_KEY_BYTES} bytes or more, not ${key.length}.`,
  );
}
