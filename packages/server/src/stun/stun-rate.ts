import type { AddressGroup } from "@lekt/protocol";
import { ConnectionRate } from "../connection-rate.ts";

/** Of everybody in a second; also bounds the table of those who asked. */
const MAX_STUN_REQUESTS_PER_SECOND = 16_384;

const EVERYBODY = 0;

/** How many datagrams are answered: senders can be made up, and so is an address that gets the answers. */
export class StunRate {
  readonly #total: ConnectionRate;
  readonly #perAddress: ConnectionRate;

  constructor(perAddress: number, total = MAX_STUN_REQUESTS_PER_SECOND) {
    this.#total = new ConnectionRate(total);
    this.#perAddress = new ConnectionRate(perAddress);
  }

  /** Counts a request. @returns whether it is within both limits. */
  admits(group: AddressGroup, nowMs: number): boolean {
    // Who is over its own limit does not use up what others have in common with it.
    if (this.#perAddress.isUsedUp(group, nowMs)) return false;
    return this.#total.admits(EVERYBODY, nowMs) && this.#perAddress.admits(group, nowMs);
  }
}
