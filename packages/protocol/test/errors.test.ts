import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { LEKT_ERROR_CODES, LektError, ProtocolError, rejectErrorCode } from "../src/errors.ts";
import { REJECT_WORDS, reactionTo } from "../src/reject-words.ts";

const document = readFileSync(new URL("../../../spec/errors.md", import.meta.url), "utf8");
const headings = [...document.matchAll(/^##+ +(\S+) *$/gm)].map(([, heading]) => heading);

test("every word and every code has a heading in spec/errors.md, and nothing else has one", () => {
  expect(headings.toSorted()).toEqual([...REJECT_WORDS, ...LEKT_ERROR_CODES].toSorted());
});

test("every word has a code", () => {
  for (const word of [...REJECT_WORDS, "unknown"] as const)
    expect(LEKT_ERROR_CODES).toContain(rejectErrorCode(word));
});

test("a client reacts to each word as the table in spec/errors.md says", () => {
  const told = { "tries again": "retry", "gives up": "give-up", "goes to the URL": "move" } as const;
  const rows = [...document.matchAll(/^\| (?:\[`(\w+)`\]\(#\1\)|any other) \| .* \| ([\w ]+) \|$/gm)];
  expect(rows).toHaveLength(REJECT_WORDS.length + 1);
  for (const [, name, reaction] of rows) {
    const word = REJECT_WORDS.find((known) => known === name) ?? "unknown";
    expect([word, reactionTo(word)]).toEqual([word, told[reaction as keyof typeof told]]);
  }
});

test("errors carry their code, word and cause", () => {
  const cause = new Error("reset");
  const error = new LektError("LEKT_CONNECTION_LOST", "gone", { cause });
  expect(error).toMatchObject({ name: "LektError", code: "LEKT_CONNECTION_LOST", message: "gone", cause });
  expect(new ProtocolError("rate", "slow")).toMatchObject({
    name: "ProtocolError",
    word: "rate",
    message: "slow",
  });
});
