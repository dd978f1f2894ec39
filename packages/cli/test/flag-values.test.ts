import { InvalidArgumentError } from "commander";
import { expect, it } from "vitest";
import { seconds } from "../src/flag-values.ts";

it("takes so many seconds as a timer does, and no more", () => {
  expect(AbortSignal.timeout(seconds("2147483")).aborted).toBe(false);
  expect(() => seconds("2147484")).toThrow(InvalidArgumentError);
  expect(() => seconds("0")).toThrow(InvalidArgumentError);
});
