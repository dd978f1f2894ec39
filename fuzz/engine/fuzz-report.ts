import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import { toHex } from "@lekt/protocol";
import type { Finding, HuntStatistics } from "./hunt.ts";

/** Where lines go; `isTerminal`: the last one may be overwritten. */
export interface ReportOutput {
  readonly write: (text: string) => void;
  readonly isTerminal: boolean;
}

const TERMINAL_EVERY_MS = 500;
const OTHERWISE_EVERY_MS = 30_000;

/** Tells people or programs how the fuzzing goes. */
export class FuzzReport {
  readonly #output: ReportOutput;
  readonly #json: boolean;
  readonly #startMs = performance.now();
  #lastMs = performance.now();

  constructor(output: ReportOutput, json: boolean) {
    this.#output = output;
    this.#json = json;
  }

  begin(seed: number, jobs: number, targets: readonly string[]): void {
    if (this.#json) this.#line({ type: "begin", seed, jobs, targets });
    else
      this.#output.write(
        `fuzzing ${targets.length === 1 ? targets[0] : `${targets.length} targets`}, seed ${seed}, jobs ${jobs}\n`,
      );
  }

  progress(statistics: readonly HuntStatistics[]): void {
    const nowMs = performance.now();
    const everyMs = this.#output.isTerminal ? TERMINAL_EVERY_MS : OTHERWISE_EVERY_MS;
    if (nowMs - this.#lastMs < everyMs) return;
    this.#lastMs = nowMs;
    const sum = (of: (one: HuntStatistics) => number) =>
      statistics.reduce((total, one) => total + of(one), 0);
    const seconds = (nowMs - this.#startMs) / 1_000;
    const executions = sum((one) => one.executions);
    const fields = {
      seconds: Math.round(seconds),
      executions,
      perSecond: Math.round(executions / seconds),
      corpus: sum((one) => one.corpus),
      blocks: sum((one) => one.blocks.reached),
      findings: sum((one) => one.findings),
    };
    if (this.#json) this.#line({ type: "progress", ...fields });
    else {
      const text = `${fields.seconds} s  ${executions} runs (${fields.perSecond}/s)  corpus ${fields.corpus}  blocks ${fields.blocks}  findings ${fields.findings}`;
      this.#output.write(this.#output.isTerminal ? `\r\x1b[K${text}` : `${text}\n`);
    }
  }

  finding(finding: Finding, seed: number, file: URL): void {
    const path = relative(process.cwd(), fileURLToPath(file));
    const { target, error, executions, input } = finding;
    if (this.#json) {
      this.#line({ type: "finding", target, error, executions, seed, file: path, bytes: toHex(input.bytes) });
      return;
    }
    this.#output.write(
      `${this.#output.isTerminal ? "\r\x1b[K" : ""}FOUND in ${target} after ${executions} runs: ${error}\n` +
        `  bytes  ${toHex(input.bytes)}\n  splits ${input.splits}\n  calls  ${toHex(input.calls)}\n` +
        `  replay npm run fuzz -- --replay ${path}\n`,
    );
  }

  end(statistics: readonly HuntStatistics[]): void {
    const seconds = (performance.now() - this.#startMs) / 1_000;
    if (this.#json) {
      this.#line({ type: "end", seconds: Math.round(seconds), targets: statistics });
      return;
    }
    const rows = statistics.map(({ target, executions, corpus, blocks, notes, findings }) =>
      [target, executions, corpus, `${blocks.reached}/${blocks.known}`, notes, findings].map(String),
    );
    const table = [["target", "runs", "corpus", "blocks", "notes", "findings"], ...rows];
    const widths =
      table[0]?.map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0))) ?? [];
    const lines = table.map((row) =>
      row
        .map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
        .join("  "),
    );
    this.#output.write(`${this.#output.isTerminal ? "\r\x1b[K" : ""}${lines.join("\n")}\n`);
  }

  #line(fields: object): void {
    this.#output.write(`${JSON.stringify(fields)}\n`);
  }
}
