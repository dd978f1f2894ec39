import { type AddressGroup, addressGroup, type RawPath, rosterAddress } from "@lekt/protocol";
import type { PathOwner } from "./method-bench.ts";

/** Accepted paths that are being secured at once. */
export const MAX_SECURING_PATHS = 256;
/** … and of these, from one address (IPv6: /64); through a relay, of one identity. */
export const MAX_SECURING_OF_ONE_ADDRESS = 64;

type Origin = AddressGroup;

/** Who an accepted path counts for. Through a relay all have its address, and the signals alone tell them apart. */
export function originOf({ remote, relayed }: RawPath<unknown>, by: PathOwner): Origin {
  if (relayed && by) return by.identity;
  const address = hostOf(remote);
  const rosterForm = rosterAddress(address);
  return rosterForm ? addressGroup(rosterForm) : address;
}

/** @param remote "address:port", IPv6 in brackets */
export function hostOf(remote: string): string {
  return remote.slice(0, remote.lastIndexOf(":")).replace(/^\[|\]$/g, "");
}

/** Bounds what strangers can have a room do at once. */
export class SecuringLimit {
  readonly #ofOrigin = new Map<Origin, number>();
  #count = 0;

  /** @returns false where there is no room. */
  take(origin: Origin): boolean {
    const ofOrigin = this.#ofOrigin.get(origin) ?? 0;
    if (this.#count >= MAX_SECURING_PATHS || ofOrigin >= MAX_SECURING_OF_ONE_ADDRESS) return false;
    this.#count++;
    this.#ofOrigin.set(origin, ofOrigin + 1);
    return true;
  }

  /** To be called once for each that was taken. */
  giveBack(origin: Origin): void {
    this.#count--;
    const left = (this.#ofOrigin.get(origin) ?? 0) - 1;
    if (left > 0) this.#ofOrigin.set(origin, left);
    else this.#ofOrigin.delete(origin);
  }
}
