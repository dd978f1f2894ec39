import type { CheckResult } from "./check.ts";
import { UNCHECKED_CLAUSES } from "./unchecked.ts";

export interface ConformanceReport {
  /** Whether all that must hold does, of what was checked. */
  readonly conforms: boolean;
  readonly counts: Readonly<Record<CheckResult["status"], number>>;
  /** Each clause: "fails" where one of its checks fails, "holds" where one holds and none fails. */
  readonly clauses: Readonly<Record<string, CheckResult["status"]>>;
  readonly uncheckedClauses: Readonly<Record<string, string>>;
  readonly results: readonly CheckResult[];
}

const WEIGHT = { skipped: 0, holds: 1, fails: 2 } as const;

export function reportOf(results: readonly CheckResult[]): ConformanceReport {
  const counts = { holds: 0, fails: 0, skipped: 0 };
  const clauses = new Map<string, CheckResult["status"]>();
  for (const { status, clauses: cited } of results) {
    counts[status]++;
    for (const clause of cited) {
      const before = clauses.get(clause) ?? "skipped";
      clauses.set(clause, WEIGHT[status] > WEIGHT[before] ? status : before);
    }
  }
  return {
    conforms: !results.some(({ status, level }) => status === "fails" && level === "must"),
    counts,
    clauses: Object.fromEntries([...clauses].sort(([a], [b]) => compareClauses(a, b))),
    uncheckedClauses: UNCHECKED_CLAUSES,
    results,
  };
}

/** "5.9" before "5.10", and protocol.md before methods.md. */
export function compareClauses(a: string, b: string): number {
  const isMethod = Number(a.startsWith("methods")) - Number(b.startsWith("methods"));
  return isMethod || a.localeCompare(b, "en", { numeric: true });
}
