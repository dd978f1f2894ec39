import { encodeUtf8 } from "@lekt/protocol";

const LENIENT = new TextDecoder("utf-8", { ignoreBOM: true });

/** A text of any code units: what is no UTF-8 stands for half a surrogate pair. */
export function textOf(bytes: Uint8Array): string {
  return LENIENT.decode(bytes).replaceAll("\ufffd", "\ud83d");
}

export function words(...texts: readonly string[]): Uint8Array[] {
  return texts.map(encodeUtf8);
}

/** Characters that are not what they seem. */
export const ODD_CHARACTERS = words(
  "\0",
  "\x1b[31m",
  "\x7f",
  "\u0085",
  "\u00a0",
  "\u00ad",
  "\u200b",
  "\u200d",
  "\u2028",
  "\u202e",
  "\u2066",
  "\u2800",
  "\u3164",
  "\ufe0f",
  "\ufeff",
  "\ufffd",
  "\u{1f600}",
  "\u{e0041}",
  "\u{10ffff}",
  "e\u0301",
  "\\u{202e}",
);
