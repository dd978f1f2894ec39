import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CELLS, meetsByUdp } from "./cells.ts";
import { lacksLab } from "./lacks-lab.ts";
import { faultOf, letterOf } from "./letters.ts";
import { NatMatrix } from "./nat-matrix.ts";

describe.skipIf(lacksLab)("peers connect behind", () => {
  let matrix: NatMatrix;

  beforeAll(async () => {
    matrix = await NatMatrix.start();
  }, 120_000);
  afterAll(() => matrix?.stop());

  test.concurrent.each(CELLS)("$name: $expected", { timeout: 120_000 }, async (cell) => {
    const meeting = await matrix.meet(cell, "left");
    expect(faultOf(cell, meeting), JSON.stringify(meeting, null, 2)).toBeUndefined();
  });

  // Where TCP passes it is often there first.
  test.concurrent.each(CELLS.filter(meetsByUdp))(
    "$name: by UDP alone",
    { timeout: 120_000 },
    async (cell) => {
      const meeting = await matrix.meet(cell, "right", ["udp"]);
      expect(["D", "M"], JSON.stringify(meeting, null, 2)).toContain(letterOf(meeting));
    },
  );
});
