import type { AddressGroup } from "@lekt/protocol";

/** New connections of each address, counted by the second. The table lives for a second, and so is bounded. */
export class ConnectionRate {
  readonly #perSecond: number;
  readonly #counts = new Map<AddressGroup, number>();
  #windowStartMs = Number.NEGATIVE_INFINITY;

  constructor(perSecond: number) {
    this.#perSecond = perSecond;
  }

  /** Counts a connection. @returns whether it is within the limit. */
  admits(group: AddressGroup, nowMs: number): boolean {
    if (nowMs - this.#windowStartMs >= 1_000) {
      this.#windowStartMs = nowMs;
      this.#counts.clear();
    }
    const count = (this.#counts.get(group) ?? 0) + 1;
    this.#counts.set(group, count);
    return count <= this.#perSecond;
  }

  /** Whether the next one is over the limit. */
  isUsedUp(group: AddressGroup, nowMs: number): boolean {
    if (nowMs - this.#windowStartMs >= 1_000) return false;
    return (this.#counts.get(group) ?? 0) >= this.#perSecond;
  }
}
