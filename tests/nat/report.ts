import { CELLS, KINDS, type Letter } from "./cells.ts";
import type { Meeting } from "./peer-process.ts";

/** What was seen of a cell. */
export interface Seen {
  readonly cell: string;
  readonly expected: Letter;
  /** Each that was seen, once. */
  readonly letters: readonly Letter[];
  readonly meetings: readonly Meeting[];
  /** Meetings that did not come about, and what else is not as it should be. */
  readonly faults: readonly string[];
}

/** The matrix and what is beside it, as Markdown: letters that were seen, and the median time to the first byte. */
export function reportOf(seen: readonly Seen[]): string {
  const byName = new Map(seen.map((row) => [row.cell, row]));
  const inMatrix = new Set(KINDS.flatMap((left) => KINDS.map((right) => left + right)));
  const beside = CELLS.filter(({ name }) => !inMatrix.has(name) && byName.has(name));
  return [
    tableOf([
      ["ms", ...KINDS],
      ...KINDS.map((left) => [left, ...KINDS.map((right) => textOf(byName.get(left + right)))]),
    ]),
    ...(beside.length > 0
      ? [tableOf([["where", "ms"], ...beside.map(({ name }) => [name, textOf(byName.get(name))])])]
      : []),
  ].join("\n");
}

/** `D 130`; more than one letter where meetings differed. */
function textOf(seen: Seen | undefined): string {
  if (seen === undefined) return "";
  const median = medianOf(seen.meetings.map(({ elapsedMs }) => elapsedMs));
  return median === undefined ? "failed" : `${seen.letters.join("/")} ${Math.round(median)}`;
}

function medianOf(values: readonly number[]): number | undefined {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)];
}

function tableOf([head = [], ...rows]: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |\n`;
  return line(head) + line(head.map(() => "---")) + rows.map(line).join("");
}
