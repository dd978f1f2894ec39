import { describe, expect, test } from "vitest";
import { HistoryBudget } from "../src/history-budget.ts";
import { Roster } from "../src/roster.ts";
import { RosterMember } from "../src/roster-member.ts";
import { UpdateLog } from "../src/update-log.ts";

/** A log with a block for each number, of so many bytes. */
function logOf(budget: HistoryBudget, blocks: readonly number[]): UpdateLog {
  const log = new UpdateLog({ budget });
  for (const bytes of blocks) log.append(bytes, 0);
  return log;
}

describe("the past of all networks together (spec 5.16)", () => {
  test("what fits is kept, a byte more and the oldest block of all is gone", () => {
    for (const [maxBytes, start] of [
      [3_000, 0],
      [2_999, 1_000],
    ] as const) {
      const budget = new HistoryBudget(maxBytes);
      const oldest = logOf(budget, [1_000, 1_000]);
      const other = logOf(budget, [2_000, 2_000]);
      expect(oldest.start).toBe(start);
      expect(other.start).toBe(0);
    }
  });

  test("who is up to date goes on: the block that a log writes to is never taken away", () => {
    const budget = new HistoryBudget(0);
    const quiet = logOf(budget, [100]);
    const loud = logOf(budget, [40_000, 40_000, 40_000]);
    expect([quiet.start, quiet.end]).toEqual([0, 100]);
    expect([loud.start, loud.end]).toEqual([80_000, 120_000]);
    expect(budget.usedBytes).toBe(0);
  });

  test("what a log has forgotten by itself, or by its end, counts no more", () => {
    const budget = new HistoryBudget(1e9);
    const log = logOf(budget, [40_000, 40_000, 40_000]);
    expect(budget.usedBytes).toBe(80_000);
    log.trim(1e9);
    expect(budget.usedBytes).toBe(0);
    const closed = logOf(budget, [40_000, 40_000]);
    expect(budget.usedBytes).toBe(40_000);
    closed.close();
    expect([budget.usedBytes, closed.keptBytes]).toEqual([0, 0]);
    expect(closed.start).toBe(closed.end);
  });

  test("of a network that ended counts no more, also where a reader might have come back", () => {
    const budget = new HistoryBudget(1e9);
    const roster = new Roster({ budget, random: (bytes) => new Uint8Array(bytes) });
    const editions = [roster.enter(false), roster.enter(true)];
    for (let ip = 1; ip <= 50; ip++) {
      roster.add(new RosterMember(ip, new Uint8Array(2_000), new Uint8Array(8)));
      roster.tick(20 * ip, 0);
    }
    for (const edition of editions) roster.exit(edition, 1_000, true);
    expect(budget.usedBytes).toBeGreaterThan(0);
    roster.close();
    expect(budget.usedBytes).toBe(0);
  });
});
