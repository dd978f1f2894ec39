/**
 * Other people's text, made safe for terminals, logs and pages: control characters, bidirectional
 * controls, zero-width and other invisible characters, line separators and lone surrogates are shown
 * as `\u{…}`; a backslash stays as it is.
 */
export function safeText(text: string): string {
  return text.replace(UNSAFE, (character) => `\\u{${(character.codePointAt(0) as number).toString(16)}}`);
}

// Controls, format characters (bidi, zero-width), lone surrogates, line and paragraph separators, and
// whatever else is shown as nothing at all (DI: fillers, variation selectors, joiners).
const UNSAFE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{DI}]/gu;
