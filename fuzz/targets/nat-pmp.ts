import { MappingRefused } from "../../packages/methods/src/port-mapping/gateway.ts";
import {
  decodeMapResponse,
  decodeOuterAddressResponse,
  encodeMapRequest,
  encodeOuterAddressRequest,
  type PmpMapping,
} from "../../packages/methods/src/port-mapping/nat-pmp-messages.ts";
import { type FuzzInput, inputOf } from "../engine/fuzz-input.ts";
import { check, type FuzzTarget, type Note } from "../engine/fuzz-target.ts";
import { isSame } from "../models/equality.ts";

export const NAT_PMP = { decodeMapResponse, decodeOuterAddressResponse };

/** What a router sent, as each of the three answers that may be waited for. */
export function natPmpTarget(name: string, natPmp: typeof NAT_PMP = NAT_PMP): FuzzTarget {
  const run = ({ bytes }: FuzzInput, note: Note) => {
    const hex = Buffer.from(bytes).toString("hex");
    const answers: readonly (() => PmpMapping | string | undefined)[] = [
      () => natPmp.decodeOuterAddressResponse(bytes),
      () => natPmp.decodeMapResponse(bytes, "udp"),
      () => natPmp.decodeMapResponse(bytes, "tcp"),
    ];
    for (const [opcode, decode] of answers.entries()) {
      const told = answerOf(decode);
      const expected = naiveAnswer(hex, opcode);
      note(`${opcode} ${JSON.stringify(expected)?.replace(/\d+/g, "")}`);
      check(isSame(told, expected), `the answer ${opcode} is read otherwise: ${JSON.stringify(told)}`);
      if (typeof told !== "object") continue;
      const request = encodeMapRequest(opcode === 1 ? "udp" : "tcp", told);
      // A request is laid out as its answer from byte 8 on.
      const written = Buffer.from(request).toString("hex", 4);
      check(written === hex.slice(16, 32), `a request is written otherwise: ${written}`);
    }
  };
  return {
    name,
    oracle: "answers of routers are read as RFC 6886 lays them out, by hex; refusals and all else told apart",
    takesSplits: false,
    takesCalls: false,
    maxBytes: 64,
    seeds: () =>
      [
        "0080000000000001cb007107",
        "008100000000000113882710000003840000",
        "0082000000000001138827100000038499",
        "0081000200000001",
        Buffer.from(encodeOuterAddressRequest()).toString("hex"),
      ].map((seed) => inputOf(Uint8Array.from(Buffer.from(seed, "hex")))),
    run,
  };
}

function answerOf<Answer>(decode: () => Answer): Answer | "refused" {
  try {
    return decode();
  } catch (error) {
    if (error instanceof MappingRefused) return "refused";
    throw error;
  }
}

/** RFC 6886, 3.2 and 3.3. */
function naiveAnswer(hex: string, opcode: number): unknown {
  if (!hex.startsWith(`008${opcode}`) || hex.length < 16) return undefined;
  if (!hex.startsWith("0000", 4)) return "refused";
  const bytes = Buffer.from(hex, "hex");
  if (opcode === 0) return bytes.length < 12 ? undefined : bytes.subarray(8, 12).join(".");
  if (bytes.length < 16) return undefined;
  const [innerPort, outerPort] = [bytes.readUInt16BE(8), bytes.readUInt16BE(10)];
  return { innerPort, outerPort, lifetimeSeconds: bytes.readUInt32BE(12) };
}
