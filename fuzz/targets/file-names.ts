import { posix, win32 } from "node:path";
import { localPath, numberedName, partName } from "../../packages/cli/src/files/file-names.ts";
import { type FuzzInput, inputOf } from "../engine/fuzz-input.ts";
import { check, type FuzzTarget, type Note } from "../engine/fuzz-target.ts";
import { isSame } from "../models/equality.ts";
import { ODD_CHARACTERS, textOf, words } from "./text-input.ts";

const SHA256 = "0123456789abcdef".repeat(4);
/** Between the names of a path in the input. */
const SEPARATOR = "\x01";
const SEEDS = [
  ["photos", "a.jpg"],
  ["..", "..", "etc", "passwd"],
  [".ssh", "authorized_keys"],
  ["CON.txt"],
  ["lpt¹ .tar.gz"],
  ["C:\\b"],
  ["a. "],
  ["a.0123456789abcdef.lekt-part"],
  ["a.le\u212at-part"],
  ["x".repeat(255)],
  ["é".repeat(127)],
  new Array<string>(64).fill("a"),
];

export function fileNamesTarget(name: string, rename: typeof localPath = localPath): FuzzTarget {
  const run = ({ bytes, calls }: FuzzInput, note: Note) => {
    const path = textOf(bytes).split(SEPARATOR);
    const names = rename(path);
    note(
      `${names === undefined} ${path.length > 64} ${names?.map((stored, i) => stored === path[i]).slice(0, 3)}`,
    );
    check(!isPlain(path) || isSame(names, path), `a plain path is not stored as it is: ${path}`);
    if (!names) return;
    check(isSame(rename(names), names), `it is not the same way when it is gone again: ${names}`);
    const folders = names.slice(0, -1);
    const last = names.at(-1) ?? "";
    const numbered = numberedName(last, ((calls[0] ?? 0) % 100) + 1);
    for (const stored of [...names, numbered]) {
      check(!folded(stored).endsWith(".lekt-part"), `a name that a part could have: ${stored}`);
      check(!/^\p{Cf}*\./u.test(stored), `a hidden name: ${stored}`);
      checkName(stored);
    }
    const part = partName(last, SHA256);
    checkName(part);
    check(part.endsWith(".0123456789abcdef.lekt-part"), `a part that is not known as one: ${part}`);
    for (const end of [last, numbered, part]) checkInside([...folders, end]);
  };
  return {
    name,
    oracle: "no stored name leaves the folder, on any system, hides, misleads, or could be that of a part",
    takesSplits: false,
    takesCalls: true,
    maxBytes: 1_500,
    dictionary: [
      ...words(
        "..",
        ".",
        "/",
        "\\",
        "C:",
        "CON",
        "nul.",
        "com0",
        "conin$",
        " ",
        "*",
        "?",
        "|",
        "<",
        ".lekt-part",
      ),
      ...words(
        "~",
        "$",
        "%2e",
        "．",
        "／",
        "\u212a",
        "\u017f",
        SEPARATOR,
        ".LEKT-PART",
        "COM¹",
        "(2)",
        "\u200f",
      ),
      ...ODD_CHARACTERS,
    ],
    seeds: () => words(...SEEDS.map((path) => path.join(SEPARATOR))).map((bytes) => inputOf(bytes)),
    run,
  };
}

/** Of letters, digits and single points in between: nobody has anything against it. */
function isPlain(path: readonly string[]): boolean {
  const isUsual = (name: string) => /^[a-z0-9]{5,40}(\.[a-z0-9]{1,5})?$/.test(name);
  return path.length <= 64 && path.every(isUsual);
}

/** As file systems compare names that take two writings for one. */
function folded(name: string): string {
  return name.normalize("NFD").toLowerCase().normalize("NFD");
}

function checkName(name: string): void {
  check(Buffer.byteLength(name) <= 255, `too long a name: ${name}`);
  check(name !== "" && name !== "." && name !== "..", `no name: ${name}`);
  for (const character of name) {
    const code = character.codePointAt(0) ?? 0;
    const isUnusable = code < 0x20 || (code >= 0x7f && code < 0xa0) || (code >= 0xd800 && code < 0xe000);
    check(!isUnusable && !'/\\<>:"|?*'.includes(character), `a character that is not usable: ${name}`);
    check(!/\p{Bidi_Control}/u.test(character), `a character that turns writing around: ${name}`);
  }
  check(!/[. ]$/.test(name), `Windows would cut its end off: ${name}`);
  const stem = (name.split(".")[0] ?? "").replace(/ +$/, "").toUpperCase();
  const isDevice = /^(CON|PRN|AUX|NUL|CONIN\$|CONOUT\$|(COM|LPT)[0-9¹²³])$/.test(stem);
  check(!isDevice, `a device of Windows: ${name}`);
}

function checkInside(names: readonly string[]): void {
  for (const [system, folder] of [
    [posix, "/srv/inbox"],
    [win32, "C:\\inbox"],
  ] as const) {
    const way = system.relative(folder, system.resolve(folder, ...names)).split(system.sep);
    check(isSame(way, names), `it leads out of the folder: ${names}`);
  }
}
