import { decodeUtf8, encodeUtf8, equalBytes } from "@lekt/protocol";
import { strictText } from "@lekt/testkit";
import { type FuzzInput, inputOf } from "../engine/fuzz-input.ts";
import { check, type FuzzTarget, type Note } from "../engine/fuzz-target.ts";
import { ODD_CHARACTERS, textOf } from "./text-input.ts";

const PLATFORM = new TextEncoder();
/** The first and the last of each length, and one past them. */
const EDGES = [
  "7f",
  "c280",
  "dfbf",
  "e0a080",
  "ed9fbf",
  "ee8080",
  "efbfbf",
  "f0908080",
  "f48fbfbf",
  "80",
  "bf",
  "c0",
  "c080",
  "c1bf",
  "e08080",
  "e09fbf",
  "eda080",
  "edbfbf",
  "f0808080",
  "f08fbfbf",
  "f4908080",
  "f5808080",
  "fe",
  "ff",
  "e282",
  "f09f98",
  "efbbbf",
];

export function utf8Target(
  name: string,
  decode: (bytes: Uint8Array) => string | undefined = decodeUtf8,
): FuzzTarget {
  const run = ({ bytes }: FuzzInput, note: Note) => {
    const text = decode(bytes);
    const expected = strictText(bytes);
    note(`${text === undefined} ${(bytes[0] ?? 0) >> 3} ${(bytes[1] ?? 0) >> 4}`);
    check(text === expected, `decoded ${text === undefined ? "as a fault" : "as text"}, unlike TextDecoder`);
    if (text !== undefined)
      check(equalBytes(encodeUtf8(text), bytes), "encoded anew the text is other bytes");
    const lenient = textOf(bytes);
    check(equalBytes(encodeUtf8(lenient), PLATFORM.encode(lenient)), "encoded unlike TextEncoder");
  };
  return {
    name,
    oracle: "equal to the platform's TextDecoder (fatal) and TextEncoder",
    takesSplits: false,
    takesCalls: false,
    dictionary: [...ODD_CHARACTERS, ...EDGES.map((hex) => Uint8Array.from(Buffer.from(hex, "hex")))],
    seeds: () => [
      ...EDGES.map((hex) => inputOf(Uint8Array.from(Buffer.from(hex, "hex")))),
      ...ODD_CHARACTERS.map((bytes) => inputOf(bytes)),
    ],
    run,
  };
}
