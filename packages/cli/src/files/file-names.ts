import { extname } from "node:path";

/** What a received file may be called: pure rules, whatever the sender says (docs/files.md). */

export const MAX_NAME_BYTES = 255;
/** Folders on the way to a file, and the file. */
export const MAX_PATH_NAMES = 64;
const PART_SUFFIX = ".lekt-part";
/** As file systems compare names: the sign for kelvin counts as a K. */
const PART = /\.lekt-part$/iu;
/** Hex digits of the checksum in the name of a part. */
const PART_DIGITS = 16;

/**
 * The names under which a path is stored: what only some systems forbid, or people misread, becomes "_".
 * @returns undefined where it could lead out of the folder, or is none.
 */
export function localPath(path: readonly string[]): readonly string[] | undefined {
  if (path.length === 0 || path.length > MAX_PATH_NAMES) return undefined;
  const names = path.map(localName);
  return names.includes(undefined) ? undefined : (names as string[]);
}

/** @returns undefined where it is refused. */
function localName(name: string): string | undefined {
  if (name === "" || name === "." || name === ".." || UNUSABLE.test(name)) return undefined;
  const usable = name
    // Names that look the same are the same: systems differ in how they write é.
    .normalize("NFC")
    .replace(TROUBLESOME, "_")
    .replace(HIDDEN, "_")
    .replace(/[. ]$/, "_")
    .replace(WINDOWS_DEVICE, "_$&")
    .replace(PART, "$&_");
  return Buffer.byteLength(usable) <= MAX_NAME_BYTES ? usable : undefined;
}

/** Separators of any system, control characters, half surrogates. */
const UNUSABLE = /[/\\\p{Cc}\p{Cs}]/u;
/** What Windows forbids, and what turns writing around: "exe.gpj" that looks like "jpg.exe". */
const TROUBLESOME = /[<>:"|?*\p{Bidi_Control}]/gu;
/** .bashrc, .git: what programs look for unasked is not for others to bring. Some systems pass over what is invisible. */
const HIDDEN = /^\p{Cf}*\./u;
/** Whatever the extension. */
const WINDOWS_DEVICE = /^(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])[ ]*(\.|$)/i;

/** Where a file waits until it is whole. The checksum in the name says what it is part of. */
export function partName(name: string, sha256: string): string {
  return shortened(name, `.${sha256.slice(0, PART_DIGITS)}${PART_SUFFIX}`);
}

/** In a folder that is not complete: who brings it, and may go on. No name that a sender could choose. */
export function markerName(sender: string): string {
  return `${sender}${PART_SUFFIX}`;
}

/** "photos", then "photos-2", "photos-3" … */
export function numberedFolder(name: string, number: number): string {
  return number === 1 ? name : shortened(name, `-${number}`);
}

/** "photo.jpg", then "photo (2).jpg", "photo (3).jpg" … */
export function numberedName(name: string, number: number): string {
  if (number === 1) return name;
  const suffix = extname(name);
  const isLong = Buffer.byteLength(suffix) > MAX_SUFFIX_BYTES;
  const extension = isLong ? "" : suffix;
  const stem = name.slice(0, name.length - extension.length);
  return shortened(stem, ` (${number})${extension}`);
}

const MAX_SUFFIX_BYTES = 32;

/** Cut so that all fits. */
function shortened(name: string, after: string): string {
  const room = MAX_NAME_BYTES - Buffer.byteLength(after);
  let used = 0;
  let kept = "";
  for (const character of name) {
    used += Buffer.byteLength(character);
    if (used > room) break;
    kept += character;
  }
  return kept + after;
}
