export interface BackoffOptions {
  readonly baseMs: number;
  readonly capMs: number;
  /** From 0 up to 1, like `Math.random`. */
  readonly random: () => number;
}

/**
 * How long to wait before an attempt: evenly random up to a bound that doubles from attempt to attempt
 * ("full jitter"), so that clients that lost a server together do not come back together (spec 6.4.1).
 * @param attempt 1 and up.
 */
export function backoffDelayMs(attempt: number, { baseMs, capMs, random }: BackoffOptions): number {
  return random() * Math.min(capMs, baseMs * 2 ** (attempt - 1));
}
