/** One line on a terminal that is written over and over; nothing elsewhere. Finished lines stay. */
export class ProgressLine {
  readonly #output: NodeJS.WriteStream;
  readonly #startMs = performance.now();

  constructor(output: NodeJS.WriteStream) {
    this.#output = output;
  }

  show(text: string): void {
    if (this.#output.isTTY) this.#output.write(`\r\x1b[K${this.#clock()} ${text}`);
  }

  keep(text: string): void {
    this.#output.write(`${this.#output.isTTY ? "\r\x1b[K" : ""}${this.#clock()} ${text}\n`);
  }

  #clock(): string {
    const seconds = Math.floor((performance.now() - this.#startMs) / 1_000);
    return `${Math.floor(seconds / 60)}:${`${seconds % 60}`.padStart(2, "0")}`;
  }
}
