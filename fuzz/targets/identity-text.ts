import { identityText } from "@lekt/protocol";
import { type FuzzInput, inputOf } from "../engine/fuzz-input.ts";
import { check, type FuzzTarget, type Note } from "../engine/fuzz-target.ts";
import { identityVectors } from "./vector-seeds.ts";

const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";

export function identityTextTarget(
  name: string,
  write: (identity: Uint8Array) => string = identityText,
): FuzzTarget {
  const run = ({ bytes }: FuzzInput, note: Note) => {
    const identity = new Uint8Array(32);
    identity.set(bytes.subarray(0, 32));
    note(`${(identity[0] ?? 0) >> 3}`);
    const text = write(identity);
    check(/^[0-9a-z]{4}(-[0-9a-z]{4}){4}$/.test(text), `it has another form: ${text}`);
    // All 100 bits as one number, read and written.
    const bits = BigInt(`0x${Buffer.from(identity).toString("hex")}`) >> 156n;
    const read = [...text.replaceAll("-", "")].reduce(
      (sum, digit) => sum * 32n + BigInt(ALPHABET.indexOf(digit)),
      0n,
    );
    check(read === bits, `its digits say something else: ${text}`);
  };
  return {
    name,
    oracle: "the first 100 bits as one number to the base of 32 (spec 9.1.3)",
    takesSplits: false,
    takesCalls: false,
    maxBytes: 32,
    seeds: () => identityVectors().map((bytes) => inputOf(bytes)),
    run,
  };
}
