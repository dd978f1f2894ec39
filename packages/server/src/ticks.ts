import type { Network } from "./network.ts";
import type { ReplyWriter } from "./reply-writer.ts";
import type { Surroundings } from "./surroundings.ts";

/**
 * So much is done in one turn of the event loop, which then looks after its sockets: some 5 ms. More waits
 * for the next turn.
 */
const CHANGES_PER_TURN = 1_024;
const ANSWERS_PER_TURN = 256;
/** A small network does not wait until a large one is through. */
const ANSWERS_IN_A_ROW = 32;

/** The ticks of all networks: what changed is encoded once for everybody, and who waited for it is answered. */
export class Ticks {
  readonly #replies: ReplyWriter;
  readonly #surroundings: Surroundings;
  /** Networks with changes that are not encoded yet. */
  readonly #changed = new Set<Network>();
  /** Networks that ticked, and where somebody is still due an answer. */
  readonly #answering = new Set<Network>();
  #nextMs = Number.POSITIVE_INFINITY;

  constructor(replies: ReplyWriter, surroundings: Surroundings) {
    this.#replies = replies;
    this.#surroundings = surroundings;
  }

  /** When `run` is due: at once where it left something for the next turn, infinitely late where nothing changed. */
  get nextMs(): number {
    return this.#answering.size > 0 ? Number.NEGATIVE_INFINITY : this.#nextMs;
  }

  changed(network: Network): void {
    this.#changed.add(network);
    this.#nextMs = Math.min(this.#nextMs, network.roster.nextTickMs);
  }

  /** The network has ended. */
  forget(network: Network): void {
    this.#changed.delete(network);
    this.#answering.delete(network);
  }

  /** Does what is due, as much as one turn of the event loop allows. */
  run(): void {
    this.#encodeChanges(this.#surroundings.nowMs());
    this.#answer();
    this.#nextMs = Number.POSITIVE_INFINITY;
    for (const network of this.#changed) {
      const dueMs = network.roster.nextTickMs;
      if (dueMs === Number.POSITIVE_INFINITY) this.#changed.delete(network);
      else this.#nextMs = Math.min(this.#nextMs, dueMs);
    }
  }

  #encodeChanges(nowMs: number): void {
    let left = CHANGES_PER_TURN;
    for (const network of this.#changed) {
      const { roster } = network;
      if (network.due.size > 0 || roster.nextTickMs > nowMs) continue;
      left -= roster.tick(nowMs, this.#surroundings.unixSeconds(), left);
      // One answer for all of it, and not one for each part.
      if (!roster.isHalfway) {
        network.takeWaiting();
        if (network.due.size > 0) this.#answering.add(network);
      }
      if (left <= 0) return;
    }
  }

  /** Answers those who are due, so many in a turn, a few of each network after the other. */
  #answer(): void {
    let left = ANSWERS_PER_TURN;
    for (const network of this.#answering) {
      if (left === 0) return;
      let ofThisNetwork = Math.min(left, ANSWERS_IN_A_ROW);
      for (const visitor of network.due) {
        if (ofThisNetwork === 0) break;
        ofThisNetwork--;
        left--;
        network.due.delete(visitor);
        this.#replies.serve(visitor, true);
      }
      // Behind the others, of whom some may not have had their turn yet; this loop comes back to it.
      this.#answering.delete(network);
      if (network.due.size > 0) this.#answering.add(network);
    }
  }
}
