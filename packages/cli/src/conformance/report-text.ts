import { type CheckInfo, type CheckResult, type ConformanceReport, compareClauses } from "@lekt/conformance";
import { safeText } from "@lekt/protocol";
import type { Colors } from "../output.ts";

/** What fails in full, what was skipped by its reason, and the clauses. What the peer said is made harmless. */
export function reportText(report: ConformanceReport, colors: Colors): string {
  const { results, counts, clauses } = report;
  const failed = results.filter(({ status }) => status === "fails");
  const blocks = failed.map((result) => failedText(result, colors));
  blocks.push(...skippedLines(results));
  const failing = Object.entries(clauses).filter(([, status]) => status === "fails");
  const holding = Object.values(clauses).filter((status) => status === "holds").length;
  blocks.push(
    [
      `${counts.holds} ${counts.holds === 1 ? "check holds" : "checks hold"}, ${counts.fails} ${counts.fails === 1 ? "fails" : "fail"}, ${counts.skipped} ${counts.skipped === 1 ? "was" : "were"} skipped.`,
      `Clauses: ${holding} hold${failing.length > 0 ? `, ${failing.length} fail: ${failing.map(([id]) => id).join(", ")}` : ""}.`,
      report.conforms
        ? colors.green("All that must hold holds.")
        : colors.red("Something that must hold does not."),
    ].join("\n"),
  );
  return `${blocks.join("\n\n")}\n`;
}

export function checkListText(
  lists: Readonly<Record<"server" | "client", readonly CheckInfo[]>>,
  colors: Colors,
): string {
  const line = ({ id, clauses, rule, level, slow }: CheckInfo) =>
    `${colors.bold(id)}  ${level}${slow ? ", slow" : ""}  ${clausesText(clauses)}\n    ${rule}`;
  return `${Object.entries(lists)
    .map(([side, checks]) => [`Of a ${side}:`, ...checks.map(line)].join("\n"))
    .join("\n\n")}\n`;
}

function failedText(
  { id, level, clauses, rule, expected, got, evidence }: CheckResult,
  colors: Colors,
): string {
  const lines = [
    `${colors.red(level === "must" ? "FAILS" : "fails")}  ${colors.bold(id)} (${level}; ${clausesText(clauses)})`,
    `  ${rule}`,
    `  expected  ${expected}`,
    `  got       ${safeText(got ?? "")}`,
  ];
  if (evidence) lines.push(`  sent      ${evidence.sent}`, `  received  ${safeText(evidence.received)}`);
  return lines.join("\n");
}

function skippedLines(results: readonly CheckResult[]): string[] {
  const byReason = new Map<string, string[]>();
  for (const { id, status, reason = "" } of results) {
    if (status === "skipped") byReason.set(reason, [...(byReason.get(reason) ?? []), id]);
  }
  const lines = [...byReason].map(([reason, ids]) => `skipped: ${ids.join(", ")}: ${reason}`);
  return lines.length > 0 ? [lines.map(safeText).join("\n")] : [];
}

function clausesText(clauses: readonly string[]): string {
  return [...clauses].sort(compareClauses).join(", ");
}
