/** "should" also where the specification gives a number only as a default. */
export type Level = "must" | "should";

/** One thing that must hold, with the clauses of the specification that it comes from. */
export interface CheckInfo {
  /** Stable. */
  readonly id: string;
  /** "5.8.2" in protocol.md, "methods 17" in methods.md. */
  readonly clauses: readonly string[];
  /** What must hold, as a sentence. */
  readonly rule: string;
  readonly level: Level;
  /** It waits for a long deadline, and runs only where it is asked for. */
  readonly slow?: boolean;
}

/** What was seen instead of what must hold. */
export class Failed extends Error {
  override readonly name = "Failed";
  readonly expected: string;
  readonly got: string;

  constructor(expected: string, got: string) {
    super(`expected ${expected}, got ${got}`);
    this.expected = expected;
    this.got = got;
  }
}

/** The check does not apply here. */
export class Skipped extends Error {
  override readonly name = "Skipped";
}

/** What went over the wire before a check failed: the last bytes of each direction. */
export interface Evidence {
  readonly sent: string;
  readonly received: string;
}

export interface CheckResult extends CheckInfo {
  readonly status: "holds" | "fails" | "skipped";
  /** Of a skipped check. */
  readonly reason?: string;
  readonly expected?: string;
  readonly got?: string;
  readonly evidence?: Evidence;
}

/** Runs a check to its end: whatever the peer does, and whatever the check throws, there is a result. */
export async function resultOf(
  check: CheckInfo,
  run: () => Promise<void>,
  evidence: () => Evidence | undefined,
): Promise<CheckResult> {
  const { id, clauses, rule, level, slow } = check;
  const info = { id, clauses, rule, level, ...(slow && { slow }) };
  try {
    await run();
    return { ...info, status: "holds" };
  } catch (error) {
    if (error instanceof Skipped) return { ...info, status: "skipped", reason: error.message };
    if (!(error instanceof Failed)) throw error;
    const { expected, got } = error;
    const seen = evidence();
    return { ...info, status: "fails", expected, got, ...(seen && { evidence: seen }) };
  }
}
