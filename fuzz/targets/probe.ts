import { createHmac } from "node:crypto";
import { equalBytes } from "@lekt/protocol";
import { decodeProbe, encodeProbe, probedAttempt } from "../../packages/methods/src/udp/probe.ts";
import { type FuzzInput, inputOf } from "../engine/fuzz-input.ts";
import { check, type FuzzTarget, type Note } from "../engine/fuzz-target.ts";
import { isSame } from "../models/equality.ts";
import { probeVectors } from "./vector-seeds.ts";

/** That of the vectors. */
const SECRET = Buffer.from("000102030405060708090a0b0c0d0e0ff0e0d0c0b0a090807060504030201000", "hex");
const ROLES = ["dialing", "accepting"];
const KINDS = ["probe", "chosen", "confirmed"];

/** `calls[0]`, where it is odd: the code is made anew, as a peer could that means harm. */
export function probeTarget(name: string, decode: typeof decodeProbe = decodeProbe): FuzzTarget {
  const run = (input: FuzzInput, note: Note) => {
    const bytes = Buffer.from(input.bytes);
    const code = createHmac("sha256", SECRET).update(bytes.subarray(0, 31)).digest("hex").slice(0, 32);
    if ((input.calls[0] ?? 0) % 2 === 1) bytes.subarray(31).write(code, "hex");
    const hex = bytes.toString("hex");
    const [, role = "", kind = "", attempt, cookie, echo, told] =
      /^4c454b5450(..)(..)(.{16})(.{16})(.{16})(.{32})$/.exec(hex) ?? [];
    const fields = {
      role: ROLES[Number.parseInt(role, 16)],
      kind: KINDS[Number.parseInt(kind, 16)],
      attempt,
      cookie,
      echo,
    };
    const isProbe = told === code && fields.role !== undefined && fields.kind !== undefined;
    note(`${bytes.length === 47} ${role} ${kind} ${told === code}`);
    check(probedAttempt(bytes) === attempt, "it belongs to another attempt");
    const probe = decode(bytes, SECRET);
    check((probe !== undefined) === isProbe, "it is judged otherwise");
    if (!probe) return;
    check(isSame(probe, fields), `read otherwise: ${JSON.stringify(probe)}`);
    check(equalBytes(encodeProbe(probe, SECRET), bytes), "written anew it is another one");
  };
  return {
    name,
    oracle: "judged and read as spec 9.7.4 says, by hex",
    takesSplits: false,
    takesCalls: true,
    maxBytes: 64,
    seeds: () => [0, 1].flatMap((code) => probeVectors().map((bytes) => inputOf(bytes, Uint8Array.of(code)))),
    run,
  };
}
