import type { PathAttempt, PathTrace } from "@lekt/client";

/** An attempt, for programs. */
export function attemptJson(attempt: PathAttempt): Record<string, unknown> {
  const { method, startMs, endMs, candidates, notes, outcome, reason } = attempt;
  return { method, startMs, endMs, outcome, reason, candidates, notes };
}

/** A line for each attempt: "udp: failed after 10,012 ms: … (tried 203.0.113.7:4000, reflexive)". */
export function traceLines(trace: PathTrace): string[] {
  return trace.attempts.map(({ method, startMs, endMs, outcome, reason, candidates }) => {
    const time = endMs === undefined ? "" : ` after ${(endMs - startMs).toLocaleString("en")} ms`;
    const why = reason === undefined ? "" : `: ${reason}`;
    const tried = candidates.length === 0 ? "" : ` (tried ${candidates.join("; ")})`;
    return `${method}: ${outcome ?? "goes on"}${time}${why}${tried}`;
  });
}
