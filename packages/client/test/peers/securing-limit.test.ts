import { expect, test } from "vitest";
import {
  MAX_SECURING_OF_ONE_ADDRESS,
  MAX_SECURING_PATHS,
  SecuringLimit,
} from "../../src/peers/securing-limit.ts";

test("so many from one address, whatever the port, and others besides", () => {
  const limit = new SecuringLimit();
  for (let i = 0; i < MAX_SECURING_OF_ONE_ADDRESS; i++) expect(limit.take(`[2001:db8::1]:${i}`)).toBe(true);
  expect(limit.take("[2001:db8::1]:9")).toBe(false);
  expect(limit.take("[2001:db8::2]:9")).toBe(true);
  limit.giveBack("[2001:db8::1]:0");
  expect(limit.take("[2001:db8::1]:9")).toBe(true);
  expect(limit.take("[2001:db8::1]:9")).toBe(false);
});

test("so many from all", () => {
  const limit = new SecuringLimit();
  for (let i = 0; i < MAX_SECURING_PATHS; i++) expect(limit.take(`192.0.2.${i}:1`)).toBe(true);
  expect(limit.take("198.51.100.1:1")).toBe(false);
  limit.giveBack("192.0.2.0:1");
  expect(limit.take("198.51.100.1:1")).toBe(true);
  expect(limit.take("198.51.100.2:1")).toBe(false);
});
