import type { Entrant } from "../rivals/registry.ts";
import { type Outcome, type Progress, run, type Work } from "./run.ts";

/** What a whole benchmark is made of. */
export interface Plan {
  readonly sizes: readonly number[];
  readonly repeats: number;
  readonly work: Omit<Work, "members">;
  /** No run is begun after so long. */
  readonly limitMs: number;
}

/** A run, or why there was none. */
export interface Result {
  readonly rival: string;
  readonly members: number;
  readonly outcome: Outcome | { readonly kind: "not run"; readonly why: string };
}

export interface MatrixWatcher {
  readonly begin: (entrant: Entrant, members: number) => void;
  readonly progress: Progress;
  readonly end: (entrant: Entrant, result: Result) => void;
}

/** Size by size, all of them at each, so that a machine that grows slower does so for everybody. */
export async function runMatrix(
  entrants: readonly Entrant[],
  plan: Plan,
  watcher: MatrixWatcher,
): Promise<readonly Result[]> {
  const startMs = performance.now();
  const results: Result[] = [];
  /** Who is not tried any more, and why. */
  const out = new Map<Entrant, string>();
  for (const entrant of entrants) {
    const missing = await entrant.rival.missing?.();
    if (missing) out.set(entrant, missing);
  }
  let turn = 0;
  for (const members of plan.sizes) {
    for (let repeat = 0; repeat < plan.repeats; repeat++, turn++) {
      for (const entrant of inTurn(entrants, turn)) {
        watcher.begin(entrant, members);
        const why =
          performance.now() - startMs > plan.limitMs ? "the time was over" : whyNot(entrant, members, out);
        const outcome =
          why === undefined
            ? await run(entrant.url, { ...plan.work, members }, watcher.progress)
            : ({ kind: "not run", why } as const);
        if (outcome.kind === "too slow") {
          out.set(entrant, `${members} clients took more than ${outcome.limitSeconds} s already`);
        }
        const result = { rival: entrant.rival.name, members, outcome };
        results.push(result);
        watcher.end(entrant, result);
      }
    }
  }
  return results;
}

/** The first two, which matter most, one right after the other, now this one first, now that; then the rest in turn. */
function inTurn(entrants: readonly Entrant[], turn: number): readonly Entrant[] {
  const pair = entrants.slice(0, 2);
  const rest = entrants.slice(2);
  const at = turn % Math.max(1, rest.length);
  return [...(turn % 2 === 0 ? pair : pair.reverse()), ...rest.slice(at), ...rest.slice(0, at)];
}

function whyNot(entrant: Entrant, members: number, out: ReadonlyMap<Entrant, string>): string | undefined {
  const { maxMembers = Number.POSITIVE_INFINITY } = entrant.rival;
  if (members > maxMembers) return `it is tried with ${maxMembers} clients at most`;
  return out.get(entrant);
}
