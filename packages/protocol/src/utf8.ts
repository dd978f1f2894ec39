/**
 * Strict UTF-8 (spec 1.6). The platform's TextEncoder and TextDecoder are no part of the language,
 * and this package uses nothing else.
 */

/** @returns undefined where the bytes are not UTF-8: overlong forms, surrogates and values past U+10FFFF included. */
export function decodeUtf8(bytes: Uint8Array): string | undefined {
  let text = "";
  for (let i = 0; i < bytes.length; ) {
    const first = bytes[i] as number;
    if (first < 0x80) {
      text += String.fromCharCode(first);
      i++;
      continue;
    }
    const trailing = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
    if (first < 0xc2 || first > 0xf4 || i + trailing >= bytes.length) return undefined;
    let codePoint = first & (0x3f >> trailing);
    for (let k = 1; k <= trailing; k++) {
      const next = bytes[i + k] as number;
      if ((next & 0xc0) !== 0x80) return undefined;
      codePoint = (codePoint << 6) | (next & 0x3f);
    }
    const overlong = codePoint < (trailing === 3 ? 0x10000 : trailing === 2 ? 0x800 : 0x80);
    const surrogate = codePoint >= 0xd800 && codePoint <= 0xdfff;
    if (overlong || surrogate || codePoint > 0x10ffff) return undefined;
    text += String.fromCodePoint(codePoint);
    i += trailing + 1;
  }
  return text;
}

/** Half a surrogate pair becomes U+FFFD. */
export function encodeUtf8(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length * 3);
  let at = 0;
  for (const character of text) {
    let codePoint = character.codePointAt(0) as number;
    if (codePoint >= 0xd800 && codePoint <= 0xdfff) codePoint = 0xfffd;
    if (codePoint < 0x80) {
      bytes[at++] = codePoint;
      continue;
    }
    const trailing = codePoint < 0x800 ? 1 : codePoint < 0x10000 ? 2 : 3;
    const lead = trailing === 1 ? 0xc0 : trailing === 2 ? 0xe0 : 0xf0;
    bytes[at++] = lead | (codePoint >> (6 * trailing));
    for (let k = trailing - 1; k >= 0; k--) bytes[at++] = 0x80 | ((codePoint >> (6 * k)) & 0x3f);
  }
  return bytes.slice(0, at);
}

/** C0, DEL and C1: what names and networks may not contain (spec/methods.md). */
export function hasControlCharacter(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x20 || (unit >= 0x7f && unit < 0xa0)) return true;
  }
  return false;
}
