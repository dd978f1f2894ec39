import { oneAtRandom } from "./contested-peers.ts";

/** Answers to one attempt that are followed at the same time: with one identity several may answer (spec 9.11.3). */
export const MAX_ANSWERS = 8;
/** … and all in all: what a server passes on of one flooding client meanwhile (spec/limits.md). */
export const MAX_ANSWERS_IN_ALL = 512;

/**
 * Follows the different answers to an attempt. Where there are too many, each further one takes a random one's place:
 * no one tells them apart, so whoever answers first, or often, must not keep the others out (spec 9.11.3).
 */
export class AnswerTries {
  /** To abort one gives its place away. */
  readonly #underWay = new Map<string, AbortController>();
  /** Those that led to the end. */
  readonly #done = new Set<string>();
  readonly #all: Promise<void>[] = [];

  /** All that were begun. */
  get all(): readonly Promise<void>[] {
    return this.#all;
  }

  /**
   * Does nothing where that answer is followed already, or was to the end; what failed, or lost its place, may come again.
   * @param answer what tells it from others
   * @param follow ends where its signal is aborted: its place was taken
   */
  follow(answer: string, follow: (displaced: AbortSignal) => Promise<void>): void {
    const isKnown = this.#underWay.has(answer) || this.#done.has(answer);
    if (isKnown || this.#all.length >= MAX_ANSWERS_IN_ALL) return;
    if (this.#underWay.size >= MAX_ANSWERS) this.#displaceOne();
    const place = new AbortController();
    this.#underWay.set(answer, place);
    const following = follow(place.signal);
    following.then(
      () => this.#ended(answer, place, true),
      () => this.#ended(answer, place, false),
    );
    this.#all.push(following);
  }

  isUnderWay(answer: string): boolean {
    return this.#underWay.has(answer);
  }

  #ended(answer: string, place: AbortController, isDone: boolean): void {
    if (place.signal.aborted) return;
    this.#underWay.delete(answer);
    if (isDone) this.#done.add(answer);
  }

  #displaceOne(): void {
    const displaced = oneAtRandom([...this.#underWay]);
    if (!displaced) return;
    const [answer, place] = displaced;
    this.#underWay.delete(answer);
    place.abort();
  }
}
