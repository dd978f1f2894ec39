import { randomInt } from "node:crypto";
import type { PeerTarget } from "@lekt/protocol";

/** Whether others show the peer's identity: nobody ends or answers an attempt for all of them then. */
export function isContested({ others = [] }: PeerTarget): boolean {
  return others.length > 0;
}

/** The roster's, of all who show the peer's identity; each once. */
export function addressesOf({ address, others = [] }: PeerTarget): string[] {
  const all = [address, ...others.map((other) => other.address)];
  return [...new Set(all.filter((one) => one !== undefined))];
}

/** Who has to make room for whoever else shows the identity: which of them is the peer is not known. */
export function oneAtRandom<Item>(items: readonly Item[]): Item | undefined {
  return items.length > 0 ? items[randomInt(items.length)] : undefined;
}
