import type { Random } from "@lekt/testkit";
import type { FuzzInput } from "./fuzz-input.ts";

const MAX_ENTRIES = 4_000;

/** The inputs that reached something new, each once. */
export class Corpus {
  readonly #entries: FuzzInput[] = [];

  get size(): number {
    return this.#entries.length;
  }

  add(input: FuzzInput): void {
    // The oldest beyond the seeds make room: what they reached, later ones reach as a rule.
    if (this.#entries.length >= MAX_ENTRIES) this.#entries.splice(MAX_ENTRIES >> 2, 1);
    this.#entries.push(input);
  }

  /** The later an input came, the likelier it leads on. */
  pick(random: Random): FuzzInput {
    const { length } = this.#entries;
    const recent = Math.min(length, 16);
    const index = random.oneIn(3) ? length - 1 - random.below(recent) : random.below(length);
    return this.#entries[index] as FuzzInput;
  }
}
