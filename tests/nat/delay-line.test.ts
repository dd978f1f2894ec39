import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { delayObstacle } from "./delay-line.ts";
import { lacksLab } from "./lacks-lab.ts";
import { NatLab } from "./nat-lab.ts";
import { Prober } from "./prober.ts";

const LINE_DELAY_MS = 25;
/** Through both lines, there and back. */
const ROUND_TRIP_MS = 4 * LINE_DELAY_MS;

const obstacle = delayObstacle();
if (obstacle !== undefined) console.warn(`${obstacle}: nothing is tested with a delay`);

describe.skipIf(lacksLab || obstacle !== undefined)("a laboratory with a delay", () => {
  let lab: NatLab;
  beforeAll(async () => {
    lab = await NatLab.build({ near: { routers: [] }, far: { routers: [] } }, { lineDelayMs: LINE_DELAY_MS });
  });
  afterAll(() => lab?.close());

  test("what passes a line comes later", async () => {
    const [near, far] = await Promise.all([Prober.on(lab.host("near")), Prober.on(lab.host("far"))]);
    const listening = await far.listen();
    const startMs = performance.now();
    await near.connect(listening);
    expect(performance.now() - startMs).toBeGreaterThanOrEqual(ROUND_TRIP_MS);
    expect(await far.connectionsTo(listening)).toBe(1);
  });
});
