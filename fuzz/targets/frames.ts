import { concatBytes, equalBytes, FrameDecoder } from "@lekt/protocol";
import { type FuzzInput, inputOf, piecesOf } from "../engine/fuzz-input.ts";
import { check, type FuzzTarget, type Note } from "../engine/fuzz-target.ts";
import { frameVectors } from "./vector-seeds.ts";

const LENGTHS = [0, 1, 5, 1_048_575, 1_048_576, 1_048_577, 0xffff_fffe, 0xffff_ffff];

export function framesTarget(
  name: string,
  makeDecoder: () => Pick<FrameDecoder, "decode" | "hasEnded"> = () => new FrameDecoder(),
): FuzzTarget {
  const run = (input: FuzzInput, note: Note) => {
    const decoder = makeDecoder();
    const parts: Uint8Array[] = [];
    let fault: string | undefined;
    let fedBytes = 0;
    for (const piece of piecesOf(input)) {
      fedBytes += piece.length;
      fault = decoder.decode(piece, (part) => parts.push(part));
      // Its earliest byte is in this piece, and in none before.
      const { isFault } = naiveFrames(input.bytes.subarray(0, fedBytes));
      check((fault !== undefined) === isFault, `judged otherwise: ${fault}`);
      if (fault !== undefined) break;
    }
    const expected = naiveFrames(input.bytes);
    note(`${fault?.replace(/\d+/g, "")} ${decoder.hasEnded} ${parts.length > 0}`);
    check(decoder.hasEnded === expected.hasEnded, "the end is told otherwise");
    check(
      parts.every(({ length }) => length > 0),
      "a part is empty",
    );
    check(equalBytes(concatBytes(parts), expected.data), "the application gets other bytes");
  };
  return {
    name,
    oracle: "the same bytes, end and fault at any split as a naive reader's of spec 9.10",
    takesSplits: true,
    takesCalls: false,
    dictionary: LENGTHS.map((length) => headOf(length)),
    seeds: () => frameVectors().map((bytes) => inputOf(bytes)),
    run,
  };
}

function headOf(length: number): Uint8Array {
  return Uint8Array.from([24, 16, 8, 0], (shift) => length >>> shift);
}

/** Spec 9.10, with all bytes in one piece. */
function naiveFrames(bytes: Uint8Array): { data: Uint8Array; hasEnded: boolean; isFault: boolean } {
  const data: number[] = [];
  let hasEnded = false;
  let rest = Buffer.from(bytes);
  while (rest.length >= 4) {
    const head = rest.toString("hex", 0, 4);
    const length = Number.parseInt(head, 16);
    rest = rest.subarray(4);
    if (head === "00000000") continue;
    if (hasEnded || (head !== "ffffffff" && length > 1_048_576))
      return { data: Uint8Array.from(data), hasEnded, isFault: true };
    if (head === "ffffffff") hasEnded = true;
    else {
      data.push(...rest.subarray(0, length));
      rest = rest.subarray(length);
    }
  }
  return { data: Uint8Array.from(data), hasEnded, isFault: false };
}
