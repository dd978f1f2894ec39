import { expect, it } from "vitest";
import { MAX_NOTED_STRANGERS, StrangerNotes } from "../src/peers/stranger-notes.ts";

it("tells of each stranger once, and of so many at the most", () => {
  const notes: string[] = [];
  const strangers = new StrangerNotes((text) => notes.push(text));
  for (let number = 1; number <= MAX_NOTED_STRANGERS + 1; number++) {
    for (let time = 0; time < 2; time++) strangers.tell(`Stranger ${number}`, "it has no key");
  }
  expect(notes).toHaveLength(MAX_NOTED_STRANGERS);
  expect(notes.at(-1)).toBe(`Stranger ${MAX_NOTED_STRANGERS} was refused: it has no key.`);
});
