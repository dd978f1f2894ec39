import type { Outcome } from "./simulation.ts";

/** Where lines go; `isTerminal`: the last one may be overwritten. */
export interface ReportOutput {
  readonly write: (text: string) => void;
  readonly isTerminal: boolean;
}

const TERMINAL_EVERY_MS = 500;
const OTHERWISE_EVERY_MS = 30_000;
const SHOWN_SEEDS = 20;

/** Tells people or programs how the simulation goes. */
export class SimulationReport {
  readonly #output: ReportOutput;
  readonly #json: boolean;
  readonly #seeds: number;
  readonly #startMs = performance.now();
  #lastMs = performance.now();
  readonly #sums = { seeds: 0, clients: 0, virtualMs: 0, steps: 0, replies: 0, changes: 0 };
  readonly #failed: number[] = [];

  constructor(output: ReportOutput, json: boolean, seeds: number) {
    this.#output = output;
    this.#json = json;
    this.#seeds = seeds;
  }

  get failed(): readonly number[] {
    return this.#failed;
  }

  outcome({ seed, violation, ...counts }: Outcome): void {
    this.#sums.seeds++;
    for (const name of ["clients", "virtualMs", "steps", "replies", "changes"] as const) {
      this.#sums[name] += counts[name];
    }
    if (violation) {
      this.#failed.push(seed);
      const { atMs, message } = violation;
      const replay = `npm run simulate -- --seeds ${seed} --trace`;
      if (this.#json) this.#line({ type: "finding", seed, atMs, message, replay });
      else this.#text(`FOUND with seed ${seed} at ${Math.round(atMs)} ms: ${message}\n  replay ${replay}\n`);
    }
    this.#progress();
  }

  /** @param ended whether every seed was run to its end. */
  end(ended: boolean): void {
    const seconds = Math.round((performance.now() - this.#startMs) / 1_000);
    const { seeds, clients, virtualMs, steps, replies } = this.#sums;
    if (this.#json) {
      this.#line({ type: "end", seconds, ended, ...this.#sums, failed: this.#failed });
      return;
    }
    const hours = Math.round(virtualMs / 36_000) / 100;
    const counts = `${seeds} ${seeds === 1 ? "seed" : "seeds"}, ${clients} clients, ${hours} virtual hours, ${steps} steps, ${replies} replies in ${seconds} s`;
    this.#text(`${counts}: ${this.#verdict(ended)}\n`);
  }

  #verdict(ended: boolean): string {
    const { length } = this.#failed;
    if (length > 0) return `${length} failed: ${this.#failed.slice(0, SHOWN_SEEDS).join(" ")}`;
    return ended ? "everything holds" : `${this.#seeds - this.#sums.seeds} seeds were not run`;
  }

  #progress(): void {
    const nowMs = performance.now();
    const everyMs = this.#output.isTerminal ? TERMINAL_EVERY_MS : OTHERWISE_EVERY_MS;
    if (nowMs - this.#lastMs < everyMs) return;
    this.#lastMs = nowMs;
    const seconds = (nowMs - this.#startMs) / 1_000;
    const { seeds, clients, replies } = this.#sums;
    const perSecond = Math.round((10 * seeds) / seconds) / 10;
    if (this.#json) {
      this.#line({
        type: "progress",
        seconds: Math.round(seconds),
        ...this.#sums,
        failed: this.#failed.length,
      });
      return;
    }
    const text = `${Math.round(seconds)} s  ${seeds} of ${this.#seeds} seeds (${perSecond}/s)  ${clients} clients  ${replies} replies  ${this.#failed.length} failed`;
    this.#output.write(this.#output.isTerminal ? `\r\x1b[K${text}` : `${text}\n`);
  }

  #text(text: string): void {
    this.#output.write(this.#output.isTerminal ? `\r\x1b[K${text}` : text);
  }

  #line(fields: object): void {
    this.#output.write(`${JSON.stringify(fields)}\n`);
  }
}
