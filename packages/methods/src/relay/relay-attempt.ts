import { setMaxListeners } from "node:events";
import { type Circuit, LektError, type PeerTarget } from "@lekt/protocol";
import { isContested } from "../network/contested-peers.ts";
import type { RelayOffer } from "./relay-signals.ts";

export const GIVEN_UP = "Connecting by the relay was given up.";
export const LEFT = "The room was left.";

/** An attempt that can be ended from outside, once. */
export class RelayAttempt {
  readonly identity: string;
  /** Others show the peer's identity: nobody ends it in the peer's name. */
  readonly isContested: boolean;
  onAnswer: ((answer: RelayOffer) => void) | undefined;
  onRefusal: ((reason: string) => void) | undefined;
  /** Why it was ended. */
  error: LektError | undefined;
  /** The other side gave up, or may go on: it is told nothing. */
  isPeerGone = false;
  /** Where this side waits for who offered. */
  circuit: Circuit | undefined;
  readonly #controller = new AbortController();
  readonly #ended: Promise<never>;
  #reject: (error: LektError) => void = () => {};

  constructor(peer: PeerTarget) {
    this.identity = peer.identity;
    this.isContested = isContested(peer);
    // Each circuit that is followed listens.
    setMaxListeners(0, this.#controller.signal);
    this.#ended = new Promise((_, reject) => {
      this.#reject = reject;
    });
    this.#ended.catch(() => {});
  }

  /** Fired at its end. */
  get cancellation(): AbortSignal {
    return this.#controller.signal;
  }

  end(code: LektError["code"], message: string): void {
    if (this.error) return;
    this.error = new LektError(code, message);
    this.#controller.abort();
    this.#reject(this.error);
  }

  peerGone(message: string): void {
    if (this.isContested) {
      this.onRefusal?.(message);
      return;
    }
    this.isPeerGone = true;
    this.end("LEKT_CONNECT", message);
  }

  /** Another one takes its place; an offer that is repeated may get one again. */
  displaced(): void {
    this.isPeerGone = true;
    this.end("LEKT_ABORTED", GIVEN_UP);
  }

  /** What `work` gives, unless this is ended before. `work` ends by itself then, or is of no consequence. */
  unlessEnded<T>(work: Promise<T>): Promise<T> {
    return Promise.race([work, this.#ended]);
  }
}

/** An attempt is known by its number and who dials (spec 9.5.2). */
export function keyOf(identity: string, attempt: string): string {
  return `${identity} ${attempt}`;
}
