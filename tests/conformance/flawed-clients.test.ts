import { type CheckResult, CLIENT_CHECKS, checkClient } from "@lekt/conformance";
import { beforeAll, expect, test } from "vitest";
import { CLIENT_FLAWS } from "./client-flaws.ts";
import { flawedClient } from "./flawed-client.ts";

const outcomes = new Map<string, readonly CheckResult[]>();
const good: CheckResult[] = [];

/** Dozens of peers on a machine that is busy with other tests. */
const HOOK_TIMEOUT_MS = 120_000;

// All at once: they wait for most of the time.
beforeAll(async () => {
  const all = checkClient(flawedClient(), { readsEvents: true, patienceMs: 10_000 });
  await Promise.all(
    Object.entries(CLIENT_FLAWS).map(async ([name, { fails, ...flaw }]) => {
      const isWanted = ({ id }: { id: string }) => fails.includes(id);
      outcomes.set(
        name,
        await checkClient(flawedClient(flaw), { isWanted, readsEvents: true, patienceMs: 2_000 }),
      );
    }),
  );
  good.push(...(await all));
}, HOOK_TIMEOUT_MS);

test("each check of a client is failed by a client that is wrong", () => {
  const failed = new Set(Object.values(CLIENT_FLAWS).flatMap(({ fails }) => fails));
  expect([...failed].sort()).toEqual(CLIENT_CHECKS.map(({ id }) => id).sort());
});

test("through a line without a flaw everything holds", () => {
  const others = good.filter(({ status }) => status !== "holds");
  expect(others.map(({ id, status, reason, got }) => `${id} ${status}: ${reason ?? got}`)).toEqual([]);
  expect(good.length).toBe(CLIENT_CHECKS.length);
});

test.each(Object.entries(CLIENT_FLAWS))("a client that %s", (name, { fails }) => {
  const results = outcomes.get(name) ?? [];
  expect(results.map(({ id, status, reason = "" }) => `${id} ${status}${reason}`)).toEqual(
    results.map(({ id }) => `${id} fails`),
  );
  expect(results.map(({ id }) => id).sort()).toEqual([...fails].sort());
});
