import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CELLS } from "./cells.ts";
import { lacksLab } from "./lacks-lab.ts";
import { faultOf } from "./letters.ts";
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
});
