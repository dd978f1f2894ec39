/** What servers take of one client as a rule; the rest comes back as if the peer were not there (spec 8.1.4). */
export const SIGNAL_BURST = 200;
export const SIGNALS_PER_SECOND = 50;
/** So many a connect needs as a rule … */
export const SIGNALS_OF_A_CONNECT = 12;
/** … and within this time: what is left of them is for others then. */
export const RESERVED_MS = 3_000;

/** What a connect may need. */
export interface SignalShare {
  sent: number;
  readonly reservedUntilMs: number;
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
    const share = { sent: 0, reservedUntilMs: nowMs + RESERVED_MS };
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
    const refilledMs = this.#atMs + (Math.max(0, this.#missing) / SIGNALS_PER_SECOND) * 1_000;
    return Math.min(refilledMs, ...this.#reserving.map(({ reservedUntilMs }) => reservedUntilMs));
  }

  /** So many are missing before one more may begin. */
  get #missing(): number {
    const reserved = this.#reserving.reduce((sum, { sent }) => sum + SIGNALS_OF_A_CONNECT - sent, 0);
    return reserved + SIGNALS_OF_A_CONNECT - this.#left;
  }

  get #reserving(): SignalShare[] {
    return [...this.#shares].filter(
      ({ sent, reservedUntilMs }) => sent < SIGNALS_OF_A_CONNECT && reservedUntilMs > this.#atMs,
    );
  }

  #refill(nowMs: number): void {
    const gained = ((nowMs - this.#atMs) / 1_000) * SIGNALS_PER_SECOND;
    this.#left = Math.min(SIGNAL_BURST, this.#left + gained);
    this.#atMs = nowMs;
  }
}
