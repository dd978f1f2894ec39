import type { CheckResult } from "@lekt/conformance";

/** One line on a terminal that says how far the checks are. */
export class Progress {
  readonly #isShown: boolean;
  readonly #total: number;
  #done = 0;
  #failed = 0;

  constructor(isShown: boolean, total: number) {
    this.#isShown = isShown;
    this.#total = total;
  }

  show({ status }: CheckResult): void {
    this.#done++;
    if (status === "fails") this.#failed++;
    if (this.#isShown) process.stderr.write(`\r\x1b[K${this.#text}`);
  }

  get #text(): string {
    return `${this.#done} of ${this.#total} checks${this.#failed > 0 ? `, ${this.#failed} failed` : ""}`;
  }

  end(): void {
    if (this.#isShown) process.stderr.write("\r\x1b[K");
  }
}
