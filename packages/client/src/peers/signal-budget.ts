/** What servers take of one client as a rule; the rest comes back as if the peer were not there (spec 8.1.4). */
export const SIGNAL_BURST = 200;
export const SIGNALS_PER_SECOND = 50;
/** So many a connect needs as a rule. */
export const SIGNALS_OF_A_CONNECT = 12;

/** What a connect may need. */
export interface SignalShare {
  sent: number;
}

/**
 * Lets a connect begin when the server will take the signals of all that are under way: of a hundred at once, those
 * that find an open port begin at once, and those that need signals one after the other. Pure: without a clock.
 */
export class SignalBudget {
  readonly #shares = new Set<SignalShare>();
  #left = SIGNAL_BURST;
  #atMs: number;

  constructor(nowMs: number) {
    this.#atMs = nowMs;
  }

  /** @returns undefined where it has to wait. One alone never has. */
  begin(nowMs: number): SignalShare | undefined {
    this.#refill(nowMs);
    if (this.#shares.size > 0 && this.#missing > 0) return undefined;
    const share = { sent: 0 };
    this.#shares.add(share);
    return share;
  }

  end(share: SignalShare): void {
    this.#shares.delete(share);
  }

  /** @param share of the connect that it is for; none where it answers a peer */
  sent(nowMs: number, share?: SignalShare): void {
    this.#refill(nowMs);
    this.#left = Math.max(0, this.#left - 1);
    if (share) share.sent++;
  }

  /** When to look again: by then the next one may begin, where those under way send no more. */
  get retryMs(): number {
    return this.#atMs + (Math.max(0, this.#missing) / SIGNALS_PER_SECOND) * 1_000;
  }

  /** So many are missing before one more may begin. */
  get #missing(): number {
    let reserved = SIGNALS_OF_A_CONNECT;
    for (const { sent } of this.#shares) reserved += Math.max(0, SIGNALS_OF_A_CONNECT - sent);
    return reserved - this.#left;
  }

  #refill(nowMs: number): void {
    const gained = ((nowMs - this.#atMs) / 1_000) * SIGNALS_PER_SECOND;
    this.#left = Math.min(SIGNAL_BURST, this.#left + gained);
    this.#atMs = nowMs;
  }
}
