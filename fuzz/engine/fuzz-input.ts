import { createHash } from "node:crypto";

/** One input of a target. What the calls mean is the target's own business. */
export interface FuzzInput {
  /** What comes from outside: a stream, a text, a program of operations. */
  readonly bytes: Uint8Array;
  /** Where the stream is cut into pieces. */
  readonly splits: readonly number[];
  /** Choices of who drives the target between the pieces: calls, time, options. */
  readonly calls: Uint8Array;
}

const NONE = new Uint8Array(0);

export function inputOf(
  bytes: Uint8Array,
  calls: Uint8Array = NONE,
  splits: readonly number[] = [],
): FuzzInput {
  return { bytes, splits, calls };
}

/** The bytes, cut at the splits; each piece is a copy of its own. */
export function piecesOf(input: FuzzInput): Uint8Array[] {
  const { bytes } = input;
  const places = input.splits.map((place) => place % (bytes.length + 1)).sort((a, b) => a - b);
  const edges = [0, ...places, bytes.length];
  return edges.slice(1).map((end, i) => new Uint8Array(bytes.subarray(edges[i], end)));
}

export function hashOf(input: FuzzInput): string {
  const hash = createHash("sha256");
  hash.update(input.bytes).update("|").update(input.calls).update("|").update(input.splits.join());
  return hash.digest("hex").slice(0, 12);
}

/** Deals out bytes one after the other, and zeros when there are none left. */
export class ByteDealer {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get isEmpty(): boolean {
    return this.#at >= this.#bytes.length;
  }

  get rest(): number {
    return Math.max(0, this.#bytes.length - this.#at);
  }

  byte(): number {
    return this.#bytes[this.#at++] ?? 0;
  }

  below(end: number): number {
    return this.byte() % end;
  }

  pick<Item>(items: readonly Item[]): Item {
    return items[this.below(items.length)] as Item;
  }

  take(count: number): Uint8Array {
    const taken = new Uint8Array(this.#bytes.subarray(this.#at, this.#at + count));
    this.#at += count;
    return taken;
  }
}
