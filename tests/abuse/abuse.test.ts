import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { AbuseRun, type Row } from "./abuse-run.ts";
import { ATTACKS } from "./attacks/attacks.ts";
import type { Attack } from "./ground.ts";
import { tableOf } from "./report.ts";

const QUIET_SECONDS = 1;
/** The plain burst is as big as it is meant to be; the rest is a tenth. `npm run abuse` does all of it. */
const SCALE = { part: 10, seconds: 1 };
const FULL = { part: 1, seconds: 1 };
const FULL_ATTACK = "burst that says nothing";
/**
 * Half of all changes are seen within this: far more than any wait that the protocol itself has (a second), and than
 * a loaded machine causes. Whoever makes the server work for him alone for so long has found something.
 */
const MAX_MEDIAN_MS = 5_000;

const short = ATTACKS.filter(({ isLong }) => !isLong);
const sets = [...new Set(short.map(({ options }) => options))];
const groups = sets.map((options) => short.filter((attack) => attack.options === options));
const rows: Row[] = [];

afterAll(() => {
  process.stdout.write(`\n${tableOf(rows)}`);
});

describe.each(groups.map((attacks) => ({ attacks })))(
  "well-behaved clients are served beside",
  ({ attacks }) => {
    let run: AbuseRun;

    beforeAll(async () => {
      run = await AbuseRun.start((attacks[0] as Attack).options);
      rows.push(await run.quiet(QUIET_SECONDS));
    });
    afterAll(() => run.stop());

    test.each(attacks)("a $name", { timeout: 300_000 }, async (attack) => {
      const row = await run.attack(attack, attack.name === FULL_ATTACK ? FULL : SCALE);
      rows.push(row);
      expect(row.faults).toEqual([]);
      expect(row.joinMs.p50).toBeLessThan(MAX_MEDIAN_MS);
      expect(row.leaveMs.p50).toBeLessThan(MAX_MEDIAN_MS);
    });
  },
);
