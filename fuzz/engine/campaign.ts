import type { BlockCoverage } from "./block-coverage.ts";
import type { FuzzTarget } from "./fuzz-target.ts";
import { type Finding, Hunt, type HuntStatistics } from "./hunt.ts";

export interface CampaignOptions {
  readonly targets: readonly FuzzTarget[];
  readonly seed: number;
  readonly coverage: BlockCoverage;
  /** It ends after so long … */
  readonly durationMs: number;
  /** … or when each target ran so often. */
  readonly maxExecutions: number;
  readonly onFinding: (finding: Finding) => void;
  /** After each turn; returning a promise lets others have the thread. */
  readonly onTurn: (statistics: readonly HuntStatistics[]) => Promise<void> | void;
}

/** A target's turn; then it is another one's. */
const TURN_MS = 500;

/** Hunts all targets in turns, for a time or a number of executions. */
export async function runCampaign(options: CampaignOptions): Promise<readonly HuntStatistics[]> {
  const hunts = options.targets.map((target) => new Hunt(target, options.seed, options.coverage));
  const statistics = () => hunts.map((hunt) => hunt.statistics);
  const endMs = performance.now() + options.durationMs;
  const isOver = () => performance.now() >= endMs;
  for (let unfinished = hunts; unfinished.length > 0 && !isOver(); ) {
    for (const hunt of unfinished) {
      const turnEndMs = Math.min(performance.now() + TURN_MS, endMs);
      do {
        hunt.runBatch();
        for (const finding of hunt.takeFindings()) options.onFinding(finding);
      } while (performance.now() < turnEndMs && hunt.executions < options.maxExecutions);
      await options.onTurn(statistics());
      if (isOver()) break;
    }
    unfinished = unfinished.filter((hunt) => hunt.executions < options.maxExecutions);
  }
  return statistics();
}
