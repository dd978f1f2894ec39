import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import {
  describeMethod,
  isAskedFor,
  isPassedOnUnread,
  isPublished,
  METHOD,
  methodDefinition,
} from "../src/method-list.ts";

const document = readFileSync(new URL("../../../spec/methods.md", import.meta.url), "utf8");

/** The lines of the list in spec/methods.md, each number on its own. */
const lines = document
  .slice(document.indexOf("| index | name |"))
  .split("\n")
  .filter((line) => /^\| \[?\d/.test(line))
  .map((line) => line.split("|").map((cell) => cell.trim()))
  .flatMap(([, numbers = "", name = "", , published = "", asked = ""]) =>
    expand(numbers.replace(/^\[(\d+)\].*/, "$1")).map((index) => ({ index, name, published, asked })),
  );

function expand(numbers: string): number[] {
  const [first, last] = numbers.split(/[–,]/).map(Number) as [number, number?];
  return Array.from({ length: (last ?? first) - first + 1 }, (_, i) => first + i);
}

test("the document lists every number from 1 to 64 once", () => {
  expect(lines.map(({ index }) => index)).toEqual(Array.from({ length: 64 }, (_, i) => i + 1));
});

describe("as in spec/methods.md", () => {
  test.each(lines)("$index: $name", ({ index, name, published, asked }) => {
    expect(isAskedFor(index)).toBe(/yes|only/.test(asked));
    if (isAskedFor(index) || index === METHOD.ipv6)
      expect(isPublished(index)).toBe(published === "published");
    const known = /^`\w+`$/.test(name) && (isAskedFor(index) || index === METHOD.ipv6);
    expect(describeMethod(index)).toBe(known ? `method ${index} (${name.slice(1, -1)})` : `method ${index}`);
    expect(isPassedOnUnread(index)).toBe(isAskedFor(index) && !known);
  });
});

test("0 and 65 and up are never asked for", () => {
  for (const index of [0, 65, 66, 1_024, 0xffff_ffff]) expect(isAskedFor(index)).toBe(false);
});

test("what is passed on unread has no rule", () => {
  for (const index of [7, 16, 33, 64]) expect(methodDefinition(index)).toBeUndefined();
});
