import type { Random } from "@lekt/testkit";
import { BYTE_MUTATIONS, spliced, stretchOf } from "./byte-mutations.ts";
import type { FuzzInput } from "./fuzz-input.ts";
import type { FuzzTarget } from "./fuzz-target.ts";
import { PACKET_MUTATIONS, packetStarts } from "./packet-mutations.ts";

const MAX_CALLS = 512;
const MAX_SPLITS = 600;
const DEFAULT_MAX_BYTES = 2_048;

/** Makes new inputs of old ones. */
export class Mutator {
  readonly #target: FuzzTarget;
  readonly #random: Random;

  constructor(target: FuzzTarget, random: Random) {
    this.#target = target;
    this.#random = random;
  }

  /** @param other gives a second input to take parts of. */
  mutate(input: FuzzInput, other: () => FuzzInput): FuzzInput {
    const random = this.#random;
    const { takesSplits, takesCalls, maxBytes = DEFAULT_MAX_BYTES } = this.#target;
    let { bytes, splits, calls } = input;
    const rounds = random.pick([1, 1, 1, 2, 3, 5, 8]);
    for (let round = 0; round < rounds; round++) {
      const kind = random.below(10);
      if (takesSplits && kind === 0) splits = this.#resplit(splits, bytes);
      else if (takesCalls && kind <= 3) calls = this.#mutateBytes(calls, () => other().calls);
      else bytes = this.#mutateBytes(bytes, () => other().bytes);
    }
    return {
      bytes: bytes.slice(0, maxBytes),
      splits: splits.slice(0, MAX_SPLITS),
      calls: calls.slice(0, MAX_CALLS),
    };
  }

  #mutateBytes(bytes: Uint8Array, other: () => Uint8Array): Uint8Array {
    const random = this.#random;
    const kind = random.below(10);
    if (kind < 4) return random.pick(BYTE_MUTATIONS)(bytes, random);
    if (kind < 7) return random.pick(PACKET_MUTATIONS)(bytes, random);
    if (kind < 8) return this.#putWord(bytes);
    return this.#cross(bytes, other());
  }

  #putWord(bytes: Uint8Array): Uint8Array {
    const random = this.#random;
    const word = random.pick(this.#target.dictionary ?? [Uint8Array.of(random.u32())]);
    const at = random.below(bytes.length + 1);
    return spliced(bytes, at, random.oneIn(2) ? 0 : Math.min(word.length, bytes.length - at), word);
  }

  /** A part of another input, put in; where both have packets, at a packet's edge. */
  #cross(bytes: Uint8Array, other: Uint8Array): Uint8Array {
    const random = this.#random;
    if (random.oneIn(2)) {
      const { at, count } = stretchOf(other.length, random);
      return spliced(bytes, random.below(bytes.length + 1), 0, other.subarray(at, at + count));
    }
    const edges = (of: Uint8Array) => [...packetStarts(of), of.length];
    const from = random.pick(edges(other));
    const at = random.pick(edges(bytes));
    const isTail = random.oneIn(2);
    return spliced(bytes, at, isTail ? bytes.length - at : 0, other.subarray(from));
  }

  #resplit(splits: readonly number[], bytes: Uint8Array): readonly number[] {
    const random = this.#random;
    switch (random.below(5)) {
      case 0:
        return [];
      case 1:
        return Array.from({ length: Math.min(bytes.length, MAX_SPLITS) }, (_, i) => i);
      case 2:
        return packetStarts(bytes).slice(1);
      case 3:
        return splits.filter(() => !random.oneIn(3));
      default:
        return [
          ...splits,
          ...Array.from({ length: 1 + random.below(4) }, () => random.below(bytes.length + 1)),
        ];
    }
  }
}
