import type { Note } from "./notes.ts";

/** Strangers of whom the user is told. */
export const MAX_NOTED_STRANGERS = 100;

/** Tells who was refused: each one once, and not for ever, as strangers are many. */
export class StrangerNotes {
  readonly #note: Note;
  readonly #told = new Set<string>();

  constructor(note: Note) {
    this.#note = note;
  }

  tell(who: string, why: string): void {
    if (this.#told.size >= MAX_NOTED_STRANGERS || this.#told.has(who)) return;
    this.#told.add(who);
    this.#note(`${who} was refused: ${why}.`);
  }
}
