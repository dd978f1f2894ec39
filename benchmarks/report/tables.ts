import type { Measure, Summary } from "./summary.ts";

export interface Table {
  readonly title: string;
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** One measure: a row for each rival, a column for each size; in brackets how many times as much as LEKT. */
export function tableOf(summary: Summary, measure: Measure): Table {
  const header = ["", ...summary.sizes.map((size) => size.toLocaleString("en"))];
  const rows = summary.entrants.map(({ rival }, index) => [
    rival.title,
    ...summary.sizes.map((size) => {
      const value = summary.value(measure, rival.name, size);
      const ratio = summary.ratio(measure, rival.name, size);
      if (value === undefined) {
        const cell = summary.cell(rival.name, size);
        return "why" in cell ? cell.why : "–";
      }
      return index === 0 || ratio === undefined ? figure(value) : `${figure(value)} (${figure(ratio)}×)`;
    }),
  ]);
  return { title: `${measure.title}, ${measure.unit}`, header, rows };
}

export function asMarkdown({ title, header, rows }: Table): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const rule = header.map((_, i) => (i === 0 ? "---" : "--:"));
  return [`**${title}**`, "", line(header), line(rule), ...rows.map(line), ""].join("\n");
}

export function asText({ title, header, rows }: Table): string {
  const widths = header.map((_, i) => Math.max(...[header, ...rows].map((cells) => cells[i]?.length ?? 0)));
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
      .join("  ")
      .trimEnd();
  return [title, line(header), ...rows.map(line), ""].join("\n");
}

/** What each of them cannot do, as a list that reads in Markdown and as text. */
export function shortcomings(summary: Summary): string {
  const lines = ["What the others cannot do of it, or do in another way", ""];
  for (const { rival } of summary.entrants) {
    if (rival.cannot.length > 0) lines.push(`* ${rival.title}: ${rival.cannot.join(" ")}`);
  }
  return `${lines.join("\n")}\n`;
}

/** Three digits, or all those before the point. */
export function figure(value: number): string {
  if (value >= 100) return Math.round(value).toLocaleString("en");
  return Number(value.toPrecision(value >= 10 ? 3 : 2)).toString();
}
