/** Attempts of all peers that are under way at once. */
export const MAX_PEER_ATTEMPTS = 512;
/** … and of one peer. */
export const MAX_ATTEMPTS_OF_ONE_PEER = 64;
/** An attempt of which nothing was heard for so long is over. */
export const ATTEMPT_MEMORY_MS = 15_000;

/**
 * Which of the attempts that peers announce by signals are taken up. Nobody has proven an identity by a signal,
 * so nothing but a bounded number of bounded attempts hangs on them (spec 8.1). Pure: without a clock.
 */
export class AttemptGate {
  /** Peer and attempt → when it was last heard of; the longest silent first. */
  readonly #heardMs = new Map<string, number>();
  readonly #ofPeer = new Map<string, number>();

  /**
   * Whether a signal of this attempt is to be passed on.
   * @param isContested others show the peer's identity: whoever signals most must not keep them out (spec 9.11.6)
   */
  admits(peer: string, attempt: string, nowMs: number, isContested = false): boolean {
    this.#forgetSilent(nowMs);
    const key = keyOf(peer, attempt);
    const isKnown = this.#heardMs.delete(key);
    if (!isKnown) {
      if (isContested && !this.#hasRoomFor(peer)) this.#forgetLongestSilentOf(peer);
      if (!this.#hasRoomFor(peer)) return false;
      this.#ofPeer.set(peer, (this.#ofPeer.get(peer) ?? 0) + 1);
    }
    this.#heardMs.set(key, nowMs);
    return true;
  }

  /** The attempt led to a path: it counts no more. */
  done(peer: string, attempt: string): void {
    if (this.#heardMs.delete(keyOf(peer, attempt))) this.#release(peer);
  }

  #hasRoomFor(peer: string): boolean {
    const ofPeer = this.#ofPeer.get(peer) ?? 0;
    return this.#heardMs.size < MAX_PEER_ATTEMPTS && ofPeer < MAX_ATTEMPTS_OF_ONE_PEER;
  }

  #forgetLongestSilentOf(peer: string): void {
    for (const key of this.#heardMs.keys()) {
      if (!key.startsWith(keyOf(peer, ""))) continue;
      this.#heardMs.delete(key);
      this.#release(peer);
      return;
    }
  }

  #forgetSilent(nowMs: number): void {
    for (const [key, heardMs] of this.#heardMs) {
      if (nowMs - heardMs < ATTEMPT_MEMORY_MS) return;
      this.#heardMs.delete(key);
      this.#release(key.slice(0, key.indexOf(" ")));
    }
  }

  #release(peer: string): void {
    const left = (this.#ofPeer.get(peer) ?? 0) - 1;
    if (left > 0) this.#ofPeer.set(peer, left);
    else this.#ofPeer.delete(peer);
  }
}

function keyOf(peer: string, attempt: string): string {
  return `${peer} ${attempt}`;
}
