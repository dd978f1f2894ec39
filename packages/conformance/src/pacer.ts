import { setTimeout as sleep } from "node:timers/promises";

/** Lets one pass in so many milliseconds: a server takes 32 connections a second from one address. */
export class Pacer {
  readonly #spacingMs: number;
  #nextMs = 0;

  constructor(perSecond: number) {
    this.#spacingMs = 1_000 / perSecond;
  }

  async pass(): Promise<void> {
    const nowMs = performance.now();
    const atMs = Math.max(nowMs, this.#nextMs);
    this.#nextMs = atMs + this.#spacingMs;
    if (atMs > nowMs) await sleep(atMs - nowMs);
  }
}
