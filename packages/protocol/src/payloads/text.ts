import { decodeUtf8, hasControlCharacter } from "../utf8.ts";

export const MAX_NETWORK_NAME_BYTES = 255;
export const MAX_NAME_BYTES = 64;

/** In an object, so that a fault (a string) is never mistaken for a text. */
export interface DecodedText {
  readonly text: string;
}

/** `network` and `name`: UTF-8 without control characters. @returns the fault, as text, where malformed. */
export function decodeText(payload: Uint8Array, maxBytes: number): DecodedText | string {
  if (payload.length === 0) return "it is empty";
  if (payload.length > maxBytes) return `it is longer than ${maxBytes} bytes`;
  const text = decodeUtf8(payload);
  if (text === undefined) return "it is not UTF-8";
  if (hasControlCharacter(text)) return "it contains control characters";
  return { text };
}
