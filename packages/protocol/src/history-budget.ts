/** A log whose past the budget may shorten. */
interface Forgetful {
  forgetOldestBlock(): void;
}

/**
 * Bounds what the logs of all networks keep together (spec 5.16): where it is too much, the oldest goes, whosever it
 * is. The block that a log writes to is its own matter: who is up to date stands in it.
 */
export class HistoryBudget {
  readonly #maxBytes: number;
  #usedBytes = 0;
  /** Blocks that are full, the oldest first, and whose they are. */
  readonly #blocks = new Map<Uint8Array, Forgetful>();

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** A log has filled this block. */
  take(block: Uint8Array, log: Forgetful): void {
    this.#blocks.set(block, log);
    this.#usedBytes += block.length;
    for (const owner of this.#blocks.values()) {
      if (this.#usedBytes <= this.#maxBytes) return;
      owner.forgetOldestBlock();
    }
  }

  /** A log has forgotten this block. */
  release(block: Uint8Array): void {
    if (this.#blocks.delete(block)) this.#usedBytes -= block.length;
  }
}
