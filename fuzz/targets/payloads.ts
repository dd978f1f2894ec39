import {
  decodeHold,
  decodeListeningPorts,
  decodeText,
  decodeUdp,
  encodeHold,
  encodeListeningPorts,
  encodeUdp,
  encodeUtf8,
  equalBytes,
  METHOD,
  methodDefinition,
} from "@lekt/protocol";
import { strictText } from "@lekt/testkit";
import { type FuzzInput, inputOf } from "../engine/fuzz-input.ts";
import { check, type FuzzTarget, type Note } from "../engine/fuzz-target.ts";
import { ODD_CHARACTERS } from "./text-input.ts";
import { payloadVectors } from "./vector-seeds.ts";

/** `calls[0]` is the method. */
export function payloadsTarget(name: string): FuzzTarget {
  const run = ({ bytes, calls }: FuzzInput, note: Note) => {
    const index = (calls[0] ?? 0) % 70;
    const before = new Uint8Array(bytes);
    const fault = methodDefinition(index)?.fault(bytes);
    note(`${index} ${fault?.replace(/\d+/g, "")}`);
    check(equalBytes(before, bytes), "judging a payload changes it");
    check(
      (fault === undefined) === isWellFormed(index, bytes),
      `method ${index} is judged otherwise: ${fault}`,
    );
    if (fault !== undefined) checkFault(fault);
    checkRoundTrips(bytes);
  };
  return {
    name,
    oracle: "judged as spec/methods.md says; what is read is the same when written",
    takesSplits: false,
    takesCalls: true,
    maxBytes: 1_200,
    dictionary: [...ODD_CHARACTERS, Uint8Array.of(4, 1, 2, 3, 4, 0, 9), new Uint8Array(19).fill(6)],
    seeds: () => payloadVectors().map(({ index, payload }) => inputOf(payload, Uint8Array.of(index))),
    run,
  };
}

/** A fault is shown to strangers: it must not repeat what they sent. */
function checkFault(fault: string): void {
  check(/^[a-z0-9 ,-]+$/i.test(fault) && fault.length < 100, `the fault is no plain text: ${fault}`);
}

/** spec/methods.md once more, in short. */
function isWellFormed(index: number, payload: Uint8Array): boolean {
  const { length } = payload;
  switch (index) {
    case METHOD.tcp:
      return isPorts(payload);
    case METHOD.udp:
      return payload[0] === 1 && isPorts(payload.subarray(1));
    case METHOD.relay:
    case METHOD.webrtc:
    case METHOD.server:
    case METHOD.signal:
    case METHOD.watch:
    case METHOD.update:
    case METHOD.session:
      return length === 0;
    case METHOD.network:
      return isText(payload, 255);
    case METHOD.identity:
      return length === 32;
    case METHOD.name:
      return isText(payload, 64);
    case METHOD.data:
    case METHOD.resume:
      return length <= 1_024;
    case METHOD.hold:
      return length === 4;
    default:
      return true;
  }
}

function isText(payload: Uint8Array, maxBytes: number): boolean {
  const text = strictText(payload);
  return text !== undefined && payload.length >= 1 && payload.length <= maxBytes && !/\p{Cc}/u.test(text);
}

function isPorts(payload: Uint8Array): boolean {
  if (payload.length < 2) return false;
  let rest = payload.subarray(2);
  for (let count = 0; rest.length > 0; count++) {
    const size = rest[0] === 4 ? 7 : rest[0] === 6 ? 19 : 0;
    if (size === 0 || count === 8 || rest.length < size || (rest[size - 2] === 0 && rest[size - 1] === 0))
      return false;
    rest = rest.subarray(size);
  }
  return true;
}

function checkRoundTrips(bytes: Uint8Array): void {
  const ports = decodeListeningPorts(bytes);
  if (typeof ports !== "string")
    check(equalBytes(encodeListeningPorts(ports), bytes), "tcp is written otherwise");
  const udp = decodeUdp(bytes);
  if (typeof udp !== "string") check(equalBytes(encodeUdp(udp), bytes), "udp is written otherwise");
  const hold = decodeHold(bytes);
  if (typeof hold === "number") {
    check(hold >= 0 && hold <= 25_000, `a hold of ${hold} ms`);
    check(decodeHold(encodeHold(hold)) === hold, "hold is written otherwise");
  }
  const text = decodeText(bytes, 255);
  if (typeof text !== "string")
    check(equalBytes(encodeUtf8(text.text), bytes), "a text is written otherwise");
}
