import { LektError } from "@lekt/protocol";
import type { CheckInfo, CheckResult } from "./check.ts";

export interface CheckRun<Check> {
  /** So many checks at once. */
  readonly atOnce: number;
  /** The long waits begin first. */
  readonly isSlow: (check: Check) => boolean;
  readonly play: (check: Check) => Promise<CheckResult>;
  readonly signal?: AbortSignal | undefined;
  readonly onResult?: ((result: CheckResult) => void) | undefined;
}

/** Plays all of them. @returns the results in the order of the checks. @throws LektError `LEKT_ABORTED` */
export async function playAll<Check extends CheckInfo>(
  checks: readonly Check[],
  { atOnce, isSlow, play, signal, onResult }: CheckRun<Check>,
): Promise<CheckResult[]> {
  const results = new Map<string, CheckResult>();
  const queue = [...checks].sort((a, b) => Number(isSlow(b)) - Number(isSlow(a)));
  const work = async () => {
    for (let check = queue.shift(); check; check = queue.shift()) {
      mustGoOn(signal);
      const result = await play(check);
      results.set(check.id, result);
      onResult?.(result);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  mustGoOn(signal);
  return checks.flatMap(({ id }) => results.get(id) ?? []);
}

/** @throws LektError `LEKT_ABORTED` */
export function mustGoOn(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new LektError("LEKT_ABORTED", "The checks were broken off.");
}
