import type { CheckResult } from "@lekt/conformance";

/** What does not hold, with the reason. */
export function lacksOf(results: readonly CheckResult[]): string[] {
  return results
    .filter(({ status }) => status !== "holds")
    .map(
      ({ id, status, reason, expected, got }) =>
        `${id} ${status}: ${reason ?? `expected ${expected}, got ${got}`}`,
    );
}
