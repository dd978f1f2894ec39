/** What `setTimeout` can wait for; a longer wait is cut in pieces. */
const MAX_DELAY_MS = 2 ** 31 - 1;

/** One timer for a deadline that moves often: moving it later costs nothing. */
export class DeadlineTimer {
  readonly #onDue: () => void;
  #deadlineMs = Number.POSITIVE_INFINITY;
  #armedForMs = Number.POSITIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;

  /** @param onDue may be called a moment early, as system timers are: it looks at the clock itself. */
  constructor(onDue: () => void) {
    this.#onDue = onDue;
  }

  /** @param deadlineMs by `performance.now()`; infinite: none. */
  set(deadlineMs: number): void {
    this.#deadlineMs = deadlineMs;
    if (deadlineMs === Number.POSITIVE_INFINITY) this.stop();
    else if (deadlineMs < this.#armedForMs) this.#arm();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#deadlineMs = this.#armedForMs = Number.POSITIVE_INFINITY;
  }

  #arm(): void {
    clearTimeout(this.#timer);
    const nowMs = performance.now();
    this.#armedForMs = Math.min(this.#deadlineMs, nowMs + MAX_DELAY_MS);
    const delayMs = Math.max(0, Math.ceil(this.#armedForMs - nowMs));
    this.#timer = setTimeout(() => this.#fire(), delayMs);
  }

  #fire(): void {
    if (this.#deadlineMs > this.#armedForMs) {
      this.#arm();
      return;
    }
    this.#armedForMs = Number.POSITIVE_INFINITY;
    this.#onDue();
  }
}
