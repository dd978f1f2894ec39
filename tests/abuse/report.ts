import type { Row } from "./abuse-run.ts";
import type { Quantiles } from "./latencies.ts";

const HEAD = [
  "",
  "s",
  "sightings",
  "join p50/p99/max",
  "leave p50/p99/max",
  "loop p50/max",
  "CPU",
  "peak RSS",
];

/** The table for people: times in milliseconds. */
export function tableOf(rows: readonly Row[]): string {
  const cells = [HEAD, ...rows.map(cellsOf)];
  const widths = HEAD.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  const lines = cells.map((row) =>
    row.map((cell, i) => (i === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[i] ?? 0))).join("  "),
  );
  return `${lines.join("\n")}\n`;
}

/** What an attack found out besides, and what was wrong. */
export function notesOf({ name, notes, faults }: Row): string {
  const found = Object.entries(notes).map(([what, value]) => `${what} ${value}`);
  const lines = found.length > 0 ? [`${name}: ${found.join(", ")}`] : [];
  return [...lines, ...faults.map((fault) => `${name}: FAULT: ${fault}`)].map((line) => `${line}\n`).join("");
}

function cellsOf({ name, seconds, joinMs, leaveMs, strain }: Row): string[] {
  const { cpuMs, loopDelayMs, peakRssBytes } = strain;
  return [
    name,
    seconds.toFixed(1),
    `${joinMs.count + leaveMs.count}`,
    shown(joinMs),
    shown(leaveMs),
    `${loopDelayMs.p50.toFixed(0)}/${loopDelayMs.max.toFixed(0)}`,
    `${(cpuMs / seconds / 10).toFixed(0)} %`,
    `${(peakRssBytes / 2 ** 20).toFixed(0)} MiB`,
  ];
}

function shown({ p50, p99, max }: Quantiles): string {
  return [p50, p99, max].map((ms) => ms.toFixed(0)).join("/");
}
