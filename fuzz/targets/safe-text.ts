import { safeText } from "@lekt/protocol";
import { type FuzzInput, inputOf } from "../engine/fuzz-input.ts";
import { check, type FuzzTarget, type Note } from "../engine/fuzz-target.ts";
import { ODD_CHARACTERS, textOf } from "./text-input.ts";

const ESCAPE = /\\u\{([0-9a-f]+)\}/g;

export function safeTextTarget(name: string, make: (text: string) => string = safeText): FuzzTarget {
  const run = ({ bytes }: FuzzInput, note: Note) => {
    const text = textOf(bytes);
    const safe = make(text);
    for (const character of safe) {
      const code = character.codePointAt(0) ?? 0;
      check(!isHarmful(code), `a harmful character comes through: U+${code.toString(16)}`);
      if (code > 0x7f) note(`through ${code >> 8}`);
    }
    check(make(safe) === safe, "what is safe is changed again");
    // What was escaped is told truly, and nothing else is touched.
    if (text.search(ESCAPE) >= 0) return;
    const back = safe.replace(ESCAPE, (_, hex: string) => String.fromCodePoint(Number.parseInt(hex, 16)));
    check(back === text, "it is not the same text with some characters escaped");
  };
  return {
    name,
    oracle: "no control, bidirectional, invisible or broken character comes through; nothing else is changed",
    takesSplits: false,
    takesCalls: false,
    dictionary: ODD_CHARACTERS,
    seeds: () => ODD_CHARACTERS.map((bytes) => inputOf(bytes)),
    run,
  };
}

/** By ranges, as no expression of the implementation. */
function isHarmful(code: number): boolean {
  const isWithin = (first: number, last: number) => code >= first && code <= last;
  return (
    code < 0x20 ||
    isWithin(0x7f, 0x9f) ||
    code === 0xad ||
    code === 0x61c ||
    isWithin(0x200b, 0x200f) ||
    isWithin(0x2028, 0x202e) ||
    isWithin(0x2060, 0x206f) ||
    isWithin(0xd800, 0xdfff) ||
    isWithin(0xfe00, 0xfe0f) ||
    code === 0xfeff ||
    isWithin(0xfff9, 0xfffb) ||
    isWithin(0xe0000, 0xe0fff)
  );
}
