import { readFile } from "node:fs/promises";
import { CLIENT_CHECKS, SERVER_CHECKS, UNCHECKED_CLAUSES } from "@lekt/conformance";
import { expect, test } from "vitest";

const spec = (file: string) => readFile(new URL(`../../spec/${file}`, import.meta.url), "utf8");

/** Every numbered clause; a heading whose clauses have numbers of their own is none. */
async function clausesOfSpec(): Promise<string[]> {
  const protocol = await spec("protocol.md");
  const found = [...protocol.matchAll(/^(?:##|###) (\d+(?:\.\d+)?) |^\* \*\*(\d+\.\d+\.\d+)\*\*/gm)];
  const ids = found.map(([, heading, bullet]) => heading ?? bullet ?? "");
  const clauses = ids.filter((id) => !ids.some((other) => other.startsWith(`${id}.`)));
  const methods = (await spec("methods.md")).matchAll(/^\| \[?(\d+)/gm);
  return [...clauses, ...new Set([...methods].map(([, index]) => `methods ${index}`))];
}

test("every clause of the specification has a check, or a reason why not", async () => {
  const cited = new Set([...SERVER_CHECKS, ...CLIENT_CHECKS].flatMap(({ clauses }) => clauses));
  const clauses = await clausesOfSpec();
  expect(clauses.length).toBeGreaterThan(100);
  const forgotten = clauses.filter((id) => !cited.has(id) && !(id in UNCHECKED_CLAUSES));
  expect(forgotten).toEqual([]);
});

test("checks and reasons speak of clauses that are there", async () => {
  const headings = (await spec("protocol.md")).matchAll(/^### (\d+\.\d+) /gm);
  const known = new Set([...(await clausesOfSpec()), ...[...headings].map(([, id]) => id)]);
  const cited = [...SERVER_CHECKS, ...CLIENT_CHECKS].flatMap(({ clauses }) => clauses);
  expect([...cited, ...Object.keys(UNCHECKED_CLAUSES)].filter((id) => !known.has(id))).toEqual([]);
  const checked = new Set(cited);
  expect(Object.keys(UNCHECKED_CLAUSES).filter((id) => checked.has(id))).toEqual([]);
});

test("ids are unique on each side", () => {
  for (const checks of [SERVER_CHECKS, CLIENT_CHECKS]) {
    const ids = checks.map(({ id }) => id);
    expect(ids.length).toBe(new Set(ids).size);
  }
});
