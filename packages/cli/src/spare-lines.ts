import { once } from "node:events";
import type { Writable } from "node:stream";
import { jsonLine } from "./json-line.ts";

/** How long a line waits for a reader who does not read. */
const PATIENCE_MS = 30_000;

export interface SpareLinesOptions {
  /** @returns the line that says how many were left out. */
  readonly omitted: (count: number) => string;
  /** Ends all waiting: the command is to end. */
  readonly signal?: AbortSignal;
  readonly patienceMs?: number;
}

/**
 * Lines about work that goes on whether they are read or not. While the output is full they are left out and
 * counted, so that memory stays bounded.
 */
export class SpareLines {
  readonly #output: Writable;
  readonly #options: SpareLinesOptions;
  #omitted = 0;
  /** All lines that wait, wait for the same. */
  #drained: Promise<void> | undefined;
  /** A reader who let a line wait in vain gets no further waiting before it reads again. */
  #isGivenUp = false;

  constructor(output: Writable, options: SpareLinesOptions) {
    this.#output = output;
    this.#options = options;
  }

  /** At once, or not at all. */
  tell(line: string): void {
    if (this.#output.writableNeedDrain) {
      this.#omitted++;
      return;
    }
    this.#isGivenUp = false;
    const omitted = this.#omitted;
    this.#omitted = 0;
    this.#output.write(omitted > 0 ? `${this.#options.omitted(omitted)}${line}` : line);
  }

  /** Waits for a slow reader, but not for ever. */
  async tellPatiently(line: string): Promise<void> {
    while (this.#output.writableNeedDrain && !this.#isGivenUp) {
      this.#drained ??= this.#waitForDrain();
      await this.#drained;
    }
    this.tell(line);
  }

  async #waitForDrain(): Promise<void> {
    const { signal, patienceMs = PATIENCE_MS } = this.#options;
    const timeout = AbortSignal.timeout(patienceMs);
    try {
      await once(this.#output, "drain", { signal: signal ? AbortSignal.any([signal, timeout]) : timeout });
    } catch {
      this.#isGivenUp = true;
    } finally {
      this.#drained = undefined;
    }
  }
}

/** For stdout. */
export function outputLines(json: boolean, signal?: AbortSignal): SpareLines {
  const omitted = (count: number) =>
    json ? jsonLine({ event: "omitted", lines: count }) : `${omittedText(count)}\n`;
  return new SpareLines(process.stdout, { omitted, ...(signal && { signal }) });
}

export function omittedText(count: number): string {
  return `${count} ${count === 1 ? "line was" : "lines were"} left out here: nobody read them.`;
}
