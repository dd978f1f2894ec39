import { createHmac } from "node:crypto";
import { equalBytes } from "@lekt/protocol";
import { circuitTokenFault, mintCircuitToken } from "../../packages/server/src/relay/circuit-token.ts";
import { type FuzzInput, inputOf } from "../engine/fuzz-input.ts";
import { check, type FuzzTarget, type Note } from "../engine/fuzz-target.ts";
import { circuitTokenVectors } from "./vector-seeds.ts";

/** That of most vectors. */
const KEY = Buffer.from("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", "hex");

/** `calls`: whether the proof is made anew (odd), and by how many seconds the relay's clock is behind 128 later. */
export function circuitTokenTarget(
  name: string,
  fault: typeof circuitTokenFault = circuitTokenFault,
): FuzzTarget {
  const run = ({ bytes, calls }: FuzzInput, note: Note) => {
    const [proven = 0, clock = 128] = calls;
    const token = Buffer.from(bytes);
    const proof = createHmac("sha256", KEY).update(token.subarray(0, 16)).digest().subarray(0, 16);
    if (proven % 2 === 1) proof.copy(token, Math.min(16, token.length));
    const expiry = Number.parseInt(token.toString("hex", 0, 4) || "0", 16);
    const now = expiry + clock - 128;
    const isRight = token.length === 32 && token.subarray(16).equals(proof);
    const told = fault(KEY, token, now);
    note(`${told} ${token.length === 32} ${Math.sign(clock - 128)}`);
    const lifetime = now > expiry ? "expired" : undefined;
    check(told === (isRight ? lifetime : "forged"), `it is judged otherwise: ${told}`);
    if (!isRight) return;
    const minted = mintCircuitToken(KEY, expiry, token.subarray(4, 16));
    check(equalBytes(minted, token), "made anew it is another one");
  };
  return {
    name,
    oracle: "holds with the right proof until the end of its last second (spec 8.2.2), whatever its length",
    takesSplits: false,
    takesCalls: true,
    maxBytes: 64,
    seeds: () => circuitTokenVectors().map((bytes, i) => inputOf(bytes, Uint8Array.of(i, 127 + (i % 3)))),
    run,
  };
}
