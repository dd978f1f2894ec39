import { decodePreamble, encodePreamble, equalBytes, type Preamble } from "@lekt/protocol";
import { strictText } from "@lekt/testkit";
import { type FuzzInput, inputOf } from "../engine/fuzz-input.ts";
import { check, type FuzzTarget, type Note } from "../engine/fuzz-target.ts";
import { isSame } from "../models/equality.ts";
import { ODD_CHARACTERS } from "./text-input.ts";
import { preambleVectors } from "./vector-seeds.ts";

type Decode = typeof decodePreamble;
type From = Parameters<Decode>[1];

/** `calls[0]`: who sends it. */
export function preambleTarget(name: string, decode: Decode = decodePreamble): FuzzTarget {
  const run = ({ bytes, calls }: FuzzInput, note: Note) => {
    const from: From = (calls[0] ?? 0) % 2 === 0 ? "dialing" : "accepting";
    for (let length = 0; length <= bytes.length; length++) {
      const sofar = bytes.subarray(0, length);
      const decoded = decode(sofar, from);
      const expected = naivePreamble(sofar, from);
      const isFault = typeof decoded === "string";
      note(`${from} ${isFault ? decoded.replace(/\d+/g, "") : typeof decoded} ${(bytes[1] ?? 0) & 7}`);
      check(isFault === (expected === "fault"), `judged otherwise: ${JSON.stringify(decoded)}`);
      if (isFault) return;
      check(isSame(decoded, expected), `read otherwise: ${JSON.stringify(decoded)}`);
      if (typeof decoded === "number") continue;
      check(equalBytes(encodePreamble(decoded), sofar), "written anew it is other bytes");
      return;
    }
  };
  return {
    name,
    oracle: "as spec 9.3 says for each number of bytes that came, judged at the earliest one",
    takesSplits: false,
    takesCalls: true,
    maxBytes: 300,
    dictionary: [...ODD_CHARACTERS, Uint8Array.of(1, 0, 0), Uint8Array.of(1, 7, 0), new Uint8Array(32)],
    seeds: () =>
      preambleVectors().map(({ from, bytes }) => inputOf(bytes, Uint8Array.of(from === "dialing" ? 0 : 1))),
    run,
  };
}

/** Spec 9.3 once more. @returns how many bytes are missing, where nothing is wrong so far. */
function naivePreamble(bytes: Uint8Array, from: From): Preamble | number | "fault" {
  const [version = 1, flags = 0, labelBytes = 0] = bytes;
  const [proof, refused, pulse] = [1, 2, 4].map((flag) => (flags & flag) === flag);
  const isWrong = from === "dialing" ? refused : labelBytes !== 0;
  if (version !== 1 || flags >= 8 || isWrong) return "fault";
  const size = bytes.length < 3 ? 3 : 3 + labelBytes + (proof ? 32 : 0);
  if (bytes.length < size) return size - bytes.length;
  const label = strictText(bytes.slice(3, 3 + labelBytes));
  if (label === undefined || /\p{Cc}/u.test(label)) return "fault";
  const proofBytes = proof ? bytes.slice(size - 32) : undefined;
  return { label, proof: proofBytes, refused: refused === true, pulse: pulse === true };
}
