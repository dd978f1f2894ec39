/** A set of members, by their numbers: bits, and how many are set. */
export class MemberSet {
  #bits = new Uint32Array(32);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  has(number: number): boolean {
    return ((this.#bits[number >>> 5] ?? 0) & (1 << (number & 31))) !== 0;
  }

  /** @returns whether it was not there before. */
  add(number: number): boolean {
    const at = number >>> 5;
    if (at >= this.#bits.length) this.#grow(at);
    const word = this.#bits[at] as number;
    const bit = 1 << (number & 31);
    if (word & bit) return false;
    this.#bits[at] = word | bit;
    this.#size++;
    return true;
  }

  /** @returns whether it was there. */
  delete(number: number): boolean {
    if (!this.has(number)) return false;
    const at = number >>> 5;
    this.#bits[at] = (this.#bits[at] as number) & ~(1 << (number & 31));
    this.#size--;
    return true;
  }

  equals(other: MemberSet): boolean {
    return this.#size === other.#size && this.lacks(other, 1).length === 0;
  }

  /** Up to `limit` members of the other set that are not in this one. */
  lacks(other: MemberSet, limit: number): number[] {
    const lacking: number[] = [];
    for (const number of other.numbers()) {
      if (this.has(number)) continue;
      if (lacking.push(number) === limit) break;
    }
    return lacking;
  }

  *numbers(): Generator<number> {
    for (let at = 0; at < this.#bits.length; at++) {
      let word = this.#bits[at] as number;
      while (word !== 0) {
        const bit = 31 - Math.clz32(word & -word);
        yield at * 32 + bit;
        word &= word - 1;
      }
    }
  }

  #grow(at: number): void {
    const bits = new Uint32Array(Math.max(at + 1, 2 * this.#bits.length));
    bits.set(this.#bits);
    this.#bits = bits;
  }
}
