import { LektError } from "@lekt/protocol";
import { oneAtRandom } from "./contested-peers.ts";

/** Who wait for a turn at once. */
export const MAX_WAITING = 8;

interface Waiting {
  begin(): void;
  giveWay(): void;
}

/**
 * Turns for what anybody may ask for in another one's name, at a bounded rate. A random one of those who wait is next,
 * and where too many wait, a random one gives way: however often one asks, the others have their chance (spec 9.11.6).
 */
export class RandomTurns {
  readonly #intervalMs: number;
  readonly #waiting = new Set<Waiting>();
  #timer: NodeJS.Timeout | undefined;

  constructor(intervalMs: number) {
    this.#intervalMs = intervalMs;
  }

  /** Resolves when it is its turn. @throws LektError where it gave way, or was aborted */
  take(signal: AbortSignal): Promise<void> {
    if (this.#timer === undefined) {
      this.#pause();
      return Promise.resolve();
    }
    if (this.#waiting.size >= MAX_WAITING) oneAtRandom([...this.#waiting])?.giveWay();
    return new Promise((resolve, reject) => {
      const leave = () => {
        signal.removeEventListener("abort", waiting.giveWay);
        this.#waiting.delete(waiting);
      };
      const waiting: Waiting = {
        begin: () => {
          leave();
          resolve();
        },
        giveWay: () => {
          leave();
          reject(new LektError("LEKT_CONNECT", "Too much is asked for in the peer's name."));
        },
      };
      this.#waiting.add(waiting);
      signal.addEventListener("abort", waiting.giveWay, { once: true });
      if (signal.aborted) waiting.giveWay();
    });
  }

  #pause(): void {
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      const next = oneAtRandom([...this.#waiting]);
      if (!next) return;
      this.#pause();
      next.begin();
    }, this.#intervalMs).unref();
  }
}
