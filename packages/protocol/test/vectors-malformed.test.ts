import { describe, expect, test } from "vitest";
import { METHOD } from "../src/method-list.ts";
import { encodeHandshake } from "../src/packets/handshake.ts";
import { encodeResponse } from "../src/packets/response.ts";
import { ServerSession } from "../src/server-session.ts";
import { byteByByte } from "./stream-pieces.ts";
import { bytesOf, MALFORMED_FILES, type MalformedVector, malformedVectors } from "./vector-files.ts";
import { decodeVector } from "./vector-packets.ts";

interface Refusal {
  readonly fault: string;
  /** How many bytes had come by then. */
  readonly bytes: number;
}

/** What is refused when the pieces come one by one. */
function refusal(vector: MalformedVector, pieces: readonly Uint8Array[]): Refusal | undefined {
  const faultAt = vector.direction === "client to server" ? sessionFault(vector) : decoderFault(vector);
  let bytes = 0;
  for (const piece of pieces) {
    bytes += piece.length;
    const fault = faultAt(bytes, piece);
    if (fault !== undefined) return { fault, bytes };
  }
  return undefined;
}

const SIGNAL_METHODS = [METHOD.identity, METHOD.signal];

type FaultAt = (bytes: number, piece: Uint8Array) => string | undefined;

function decoderFault(vector: MalformedVector): FaultAt {
  const stream = bytesOf(vector.hex);
  return (bytes) => decodeVector(vector, [stream.subarray(0, bytes)]).fault;
}

/** On the server a whole session: it alone knows which answer's turn it is. */
function sessionFault(vector: MalformedVector): FaultAt {
  const session = new ServerSession({}, { ip: 0x7f000001 }, true, 0);
  const set = vector.signals ? SIGNAL_METHODS : [METHOD.relay];
  if (vector.phase !== "handshake") session.receive(encodeHandshake(64, vector.asked ?? set), 0);
  if (vector.phase === "heartbeat") {
    for (const method of set) {
      session.receive(encodeResponse(method, new Uint8Array(method === METHOD.identity ? 32 : 0)), 0);
    }
    session.admit(0);
  }
  session.takeEffects();
  return (_bytes, piece) => {
    session.receive(piece, 0);
    const last = session.takeEffects().at(-1);
    return last?.type === "rejected" ? last.word : undefined;
  };
}

const vectors = MALFORMED_FILES.flatMap((file) =>
  malformedVectors(file).map((vector) => ({ file, ...vector })),
);

describe.each(vectors)("$file: $name", (vector) => {
  const bytes = bytesOf(vector.hex);
  const expected = "word" in vector.error ? vector.error.word : vector.error.code;

  test("whole, it is refused with the named error", () => {
    expect(refusal(vector, [bytes])?.fault).toBe(expected);
  });

  test("byte by byte, it is refused not before the fault and not after the end", () => {
    const refused = refusal(vector, byteByByte(bytes));
    expect(refused?.fault).toBe(expected);
    expect(refused?.bytes).toBeGreaterThan(vector.offset);
    const isLength = expected === "limit" || /object of size [0-9,]{4,}/.test(vector.name);
    if (isLength) expect(refused?.bytes).toBe(vector.offset + 1);
  });
});
