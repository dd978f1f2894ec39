import { concatBytes, copyBytes } from "../bytes.ts";
import { decodeUtf8, encodeUtf8, hasControlCharacter } from "../utf8.ts";

/*
 * Preamble (spec 9.3): the first bytes of each side inside TLS.
 *
 *   u8 version (1) | u8 flags | u8 length | label | 32-byte proof, where flag 0x01 is set
 */

/** Who asked for the connection, and who was asked. Says nothing of who began TLS. */
export type PeerRole = "dialing" | "accepting";

export interface Preamble {
  /** What the dialing side wants to speak; empty on the accepting side. */
  readonly label: string;
  /** That the sender has the network key (spec 9.4). */
  readonly proof: Uint8Array | undefined;
  /** The accepting side refuses, and nothing follows. */
  readonly refused: boolean;
  /** Dialing: I can send frames with a pulse (spec 9.10). Accepting: both of us do. */
  readonly pulse: boolean;
}

const PREAMBLE_VERSION = 1;
const FLAG_PROOF = 0x01;
const FLAG_REFUSED = 0x02;
const FLAG_PULSE = 0x04;
const FLAGS = FLAG_PROOF | FLAG_REFUSED | FLAG_PULSE;
const HEAD_BYTES = 3;
const PROOF_BYTES = 32;
const MAX_LABEL_BYTES = 255;

export function encodePreamble({ label, proof, refused, pulse }: Preamble): Uint8Array {
  const text = encodeUtf8(label);
  const flags = (proof ? FLAG_PROOF : 0) | (refused ? FLAG_REFUSED : 0) | (pulse ? FLAG_PULSE : 0);
  const head = Uint8Array.of(PREAMBLE_VERSION, flags, text.length);
  return concatBytes([head, text, proof ?? new Uint8Array(0)]);
}

/**
 * @param bytes the first ones of the stream, or all that came so far
 * @param from the side that sent them
 * @returns how many bytes are missing at least; the fault, as text, where malformed
 */
export function decodePreamble(bytes: Uint8Array, from: PeerRole): Preamble | number | string {
  const [version, flags, labelBytes] = bytes;
  if (version !== undefined && version !== PREAMBLE_VERSION) return `its version is ${version}, not 1`;
  if (flags !== undefined) {
    if (flags & ~FLAGS) return "it has an unknown flag";
    if (flags & FLAG_REFUSED && from === "dialing") return "the dialing side refuses";
  }
  if (flags === undefined || labelBytes === undefined) return HEAD_BYTES - bytes.length;
  if (labelBytes > 0 && from === "accepting") return "the accepting side has a label";
  const labelEnd = HEAD_BYTES + labelBytes;
  const end = labelEnd + (flags & FLAG_PROOF ? PROOF_BYTES : 0);
  if (bytes.length < end) return end - bytes.length;
  const label = decodeUtf8(bytes.subarray(HEAD_BYTES, labelEnd));
  if (label === undefined) return "its label is not UTF-8";
  const proof = flags & FLAG_PROOF ? copyBytes(bytes.subarray(labelEnd, end)) : undefined;
  const [refused, pulse] = [(flags & FLAG_REFUSED) !== 0, (flags & FLAG_PULSE) !== 0];
  return labelFault(label) ?? { label, proof, refused, pulse };
}

/** What is wrong with a label, as the end of a sentence (spec 9.3). */
export function labelFault(label: string): string | undefined {
  if (hasControlCharacter(label)) return "its label contains control characters";
  if (/\p{Surrogate}/u.test(label))
    return "its label has half a surrogate pair, which UTF-8 has no bytes for";
  if (encodeUtf8(label).length > MAX_LABEL_BYTES) return `its label is longer than ${MAX_LABEL_BYTES} bytes`;
  return undefined;
}
