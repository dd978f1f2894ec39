import { Violation } from "./violation.ts";

/** How often each key is there. */
export class Tally {
  readonly #counts = new Map<string, number>();

  of(key: string): number {
    return this.#counts.get(key) ?? 0;
  }

  add(key: string, delta: 1 | -1): void {
    const count = this.of(key) + delta;
    if (count < 0) throw new Violation("somebody went who was not there");
    if (count === 0) this.#counts.delete(key);
    else this.#counts.set(key, count);
  }

  keys(): Iterable<string> {
    return this.#counts.keys();
  }

  equals(other: Tally): boolean {
    if (this.#counts.size !== other.#counts.size) return false;
    for (const [key, count] of this.#counts) if (other.of(key) !== count) return false;
    return true;
  }
}
