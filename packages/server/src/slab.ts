/** A stretch that is in use keeps its whole block in memory, so a block is small. */
export const SLAB_BLOCK_BYTES = 4_096;
/** What is longer than this gets memory of its own. */
export const SLAB_MAX_BYTES = SLAB_BLOCK_BYTES / 8;

/** Memory for very many short stretches of bytes: a buffer of its own costs each some 250 bytes. */
export class Slab {
  readonly #newBlock: (bytes: number) => Uint8Array;
  #block: Uint8Array = new Uint8Array(0);
  #used = 0;

  /** @param newBlock may fill it: what is handed out is what stood in a block. */
  constructor(newBlock: (bytes: number) => Uint8Array = (bytes) => new Uint8Array(bytes)) {
    this.#newBlock = newBlock;
  }

  /** @returns `bytes` bytes that nobody else was given. */
  take(bytes: number): Uint8Array {
    if (bytes > SLAB_MAX_BYTES) return this.#newBlock(bytes);
    if (this.#used + bytes > this.#block.length) {
      this.#block = this.#newBlock(SLAB_BLOCK_BYTES);
      this.#used = 0;
    }
    this.#used += bytes;
    return this.#block.subarray(this.#used - bytes, this.#used);
  }
}
