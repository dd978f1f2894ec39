import { type AddressGroup, addressGroup, rosterAddress } from "@lekt/protocol";

/** To one public address (IPv6: /64) that is no roster's, for all attempts together … */
export const MAX_PACKETS_TO_STRANGER = 128;
/** … in so long. */
export const STRANGER_WINDOW_MS = 15_000;
/** To all such addresses; also bounds the table of them. */
export const MAX_PACKETS_TO_STRANGERS = 4_096;

/** Bounds what many attempts together have this machine send to an address of which peers say that it is theirs (spec 9.5.4). */
export class StrangerPackets {
  readonly #perGroup = new Map<AddressGroup, number>();
  #total = 0;
  #windowStartMs = Number.NEGATIVE_INFINITY;

  /** @returns how many of these packets may be sent; they count as sent. */
  take(address: string, packets: number, nowMs: number): number {
    const roster = rosterAddress(address);
    if (!roster) return 0;
    if (nowMs - this.#windowStartMs >= STRANGER_WINDOW_MS) {
      this.#windowStartMs = nowMs;
      this.#perGroup.clear();
      this.#total = 0;
    }
    const group = addressGroup(roster);
    const ofGroup = this.#perGroup.get(group) ?? 0;
    const left = Math.min(MAX_PACKETS_TO_STRANGER - ofGroup, MAX_PACKETS_TO_STRANGERS - this.#total);
    const granted = Math.min(packets, left);
    if (granted <= 0) return 0;
    this.#perGroup.set(group, ofGroup + granted);
    this.#total += granted;
    return granted;
  }
}
