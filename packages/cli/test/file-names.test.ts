import { join, posix, relative, win32 } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  localPath,
  MAX_NAME_BYTES,
  MAX_PATH_NAMES,
  markerName,
  numberedFolder,
  numberedName,
  partName,
} from "../src/files/file-names.ts";

/** Whatever could lead somewhere, in any mixture. */
const hostileName = fc.oneof(
  fc.string({ unit: "binary", maxLength: 20 }),
  fc
    .array(
      fc.constantFrom(
        ...[
          ".",
          "..",
          "/",
          "\\",
          "\0",
          " ",
          ":",
          "C:",
          "~",
          "\u0301",
          "\u200c",
          "CON",
          "nul",
          "COM1",
          "lpt²",
          "$",
          "%2e",
          "%2f",
        ],
        ...["\ud800", "\n", "\u0085", "\u202e", "．", "／", "é", "😀", "a", ".lekt-part", "*", "?", "|", "<"],
      ),
      { maxLength: 6 },
    )
    .map((parts) => parts.join("")),
  fc.constantFrom("a".repeat(255), "a".repeat(256), "😀".repeat(63), "😀".repeat(64), "é".repeat(128)),
);
const hostilePath = fc.array(hostileName, { maxLength: 5 });

describe("localPath", () => {
  it("never leads out of a folder, on any system", () => {
    fc.assert(
      fc.property(hostilePath, (path) => {
        const names = localPath(path);
        if (!names) return;
        expect(names).toHaveLength(path.length);
        for (const [system, root] of [
          [posix, "/srv/inbox"],
          [win32, "C:\\inbox"],
        ] as const) {
          const way = system.relative(root, system.resolve(root, system.join(...names)));
          expect(system.isAbsolute(way)).toBe(false);
          expect(way.split(system.sep)).toEqual(names);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it("gives names that every system takes, and that no program looks for", () => {
    fc.assert(
      fc.property(hostilePath, (path) => {
        const names = localPath(path);
        for (const name of names ?? []) {
          expect(Buffer.byteLength(name)).toBeLessThanOrEqual(MAX_NAME_BYTES);
          expect(name).toMatch(/^[^/\\<>:"|?*\p{Cc}\p{Cs}]+$/u);
          expect(name).not.toMatch(/[. ]$/);
          expect(name).not.toMatch(/^(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])\s*(\.|$)/i);
          expect(name).not.toMatch(/\.lekt-part$/i);
          expect(name).not.toMatch(/^\p{Cf}*\./u);
          expect(name).toBe(name.normalize("NFC"));
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it("is a way to the same place when it is gone again", () => {
    fc.assert(
      fc.property(hostilePath, (path) => {
        const names = localPath(path);
        if (names) expect(localPath(names)).toEqual(names);
      }),
    );
  });

  it.each([
    [["a.txt"], ["a.txt"]],
    [
      ["photos", ".git", "日本 1.jpg"],
      ["photos", "_git", "日本 1.jpg"],
    ],
    [["\u200c.git"], ["_git"]],
    [["e\u0301.txt"], ["é.txt"]],
    [["<\u0338"], ["≮"]],
    [["10:30 <new>?.png"], ["10_30 _new__.png"]],
    [["photo\u202egpj.exe"], ["photo_gpj.exe"]],
    [["\u200fpdf\u200f.\u061cexe"], ["_pdf_._exe"]],
    [["..."], ["_._"]],
    [
      [".ssh", "authorized_keys"],
      ["_ssh", "authorized_keys"],
    ],
    [
      ["a", "CON.txt"],
      ["a", "_CON.txt"],
    ],
    [["com1"], ["_com1"]],
    [["con.lekt-part"], ["_con.lekt-part_"]],
    [["console.log"], ["console.log"]],
    [["a. "], ["a._"]],
    [["a.0123456789abcdef.lekt-part"], ["a.0123456789abcdef.lekt-part_"]],
    [["a.le\u212at-part"], ["a.leKt-part_"]],
    [["a".repeat(MAX_NAME_BYTES)], ["a".repeat(MAX_NAME_BYTES)]],
    [new Array(MAX_PATH_NAMES).fill("a"), new Array(MAX_PATH_NAMES).fill("a")],
  ])("%j becomes %j", (path, names) => {
    expect(localPath(path)).toEqual(names);
  });

  it.each([
    [[]],
    [[""]],
    [["a", "", "b"]],
    [["."]],
    [["a", "..", "..", "b"]],
    [["/etc/passwd"]],
    [["a/b"]],
    [["..\\b"]],
    [["C:\\b"]],
    [["a\nb"]],
    [["a\0"]],
    [["\ud800"]],
    [["a".repeat(MAX_NAME_BYTES + 1)]],
    [["é".repeat(128)]],
    [[`con.${"a".repeat(MAX_NAME_BYTES - 4)}`]],
    [new Array(MAX_PATH_NAMES + 1).fill("a")],
  ])("%j is refused", (path) => {
    expect(localPath(path)).toBeUndefined();
  });
});

describe("numberedName", () => {
  it.each([
    ["photo.jpg", 1, "photo.jpg"],
    ["photo.jpg", 2, "photo (2).jpg"],
    ["README", 3, "README (3)"],
    [".bashrc", 2, ".bashrc (2)"],
  ])("%s, %i: %s", (name, number, numbered) => {
    expect(numberedName(name, number)).toBe(numbered);
  });

  it("is another name for each number, and never too long", () => {
    fc.assert(
      fc.property(hostileName, fc.integer({ min: 2, max: 100 }), (wanted, number) => {
        const name = localPath([wanted])?.[0];
        if (name === undefined) return;
        const numbered = numberedName(name, number);
        expect(numbered).not.toBe(name);
        expect(numbered).not.toBe(numberedName(name, number - 1));
        expect(Buffer.byteLength(numbered)).toBeLessThanOrEqual(MAX_NAME_BYTES);
        expect(localPath([numbered])).toEqual([numbered]);
        expect(relative("/x", join("/x", numbered))).toBe(numbered);
      }),
      { numRuns: 1_000 },
    );
  });
});

describe("numberedFolder", () => {
  it.each([
    ["photos", 1, "photos"],
    ["photos", 2, "photos-2"],
    ["v1.2", 100, "v1.2-100"],
    ["a".repeat(MAX_NAME_BYTES), 10, `${"a".repeat(MAX_NAME_BYTES - 3)}-10`],
  ])("%s, %i: %s", (name, number, numbered) => {
    expect(numberedFolder(name, number)).toBe(numbered);
    expect(localPath([numbered, "a"])).toEqual([numbered, "a"]);
  });
});

describe("markerName", () => {
  it("is no name that a sender could choose", () => {
    const name = markerName("ab".repeat(32));
    expect(Buffer.byteLength(name)).toBeLessThanOrEqual(MAX_NAME_BYTES);
    expect(localPath([name])).not.toEqual([name]);
  });
});

describe("partName", () => {
  const SHA256 = "0123456789abcdef".repeat(4);

  it("says of what it is a part", () => {
    expect(partName("a.txt", SHA256)).toBe("a.txt.0123456789abcdef.lekt-part");
  });

  it("fits for the longest name, and cuts no character", () => {
    expect(partName("é".repeat(127), SHA256)).toBe(`${"é".repeat(114)}.0123456789abcdef.lekt-part`);
    expect(Buffer.byteLength(partName("a".repeat(255), SHA256))).toBe(MAX_NAME_BYTES);
  });

  it("is no name that a sender could choose", () => {
    const name = partName("a.txt", SHA256);
    expect(localPath([name])).not.toEqual([name]);
  });
});
