import { safeText } from "@lekt/protocol";
import { jsonLine } from "../json-line.ts";

/** Tells the user something on stderr, beside what the command writes. */
export type Note = (text: string) => void;

export function noter(json: boolean): Note {
  return (text) => {
    process.stderr.write(json ? jsonLine({ note: text }) : `lekt: ${safeText(text)}\n`);
  };
}
