import { safeText } from "@lekt/protocol";
import { jsonLine } from "../json-line.ts";
import { omittedText, SpareLines } from "../spare-lines.ts";

/** Tells the user something on stderr, beside what the command writes. */
export type Note = (text: string) => void;

export function noter(json: boolean): Note {
  const line = (text: string) => (json ? jsonLine({ note: text }) : `lekt: ${safeText(text)}\n`);
  const lines = new SpareLines(process.stderr, { omitted: (count) => line(omittedText(count)) });
  return (text) => lines.tell(line(text));
}
