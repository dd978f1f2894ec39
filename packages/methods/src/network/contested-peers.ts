import type { PeerTarget } from "@lekt/protocol";

/** Distinct answers to one attempt that are followed: with one identity several may answer (spec 9.11.3). */
export const MAX_ANSWERS = 8;

/** Whether others show the peer's identity: nobody ends or answers an attempt for all of them then. */
export function isContested({ others = [] }: PeerTarget): boolean {
  return others.length > 0;
}

/** The roster's, of all who show the peer's identity; each once. */
export function addressesOf({ address, others = [] }: PeerTarget): string[] {
  const all = [address, ...others.map((other) => other.address)];
  return [...new Set(all.filter((one) => one !== undefined))];
}
