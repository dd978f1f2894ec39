import {
  concatBytes,
  encodeEndOfReply,
  encodeHandshake,
  encodeHeartbeat,
  encodeHold,
  encodeResponse,
  encodeUtf8,
  MAX_HOLD_MS,
  METHOD,
} from "@lekt/protocol";

/** The name of each client, so long that all entries are of one size. */
const NAME_BYTES = 8;
/** Size, IP, and one method with its length (spec 5.6). */
export const ENTRY_BYTES = 4 + 4 + 8 + NAME_BYTES;
export const UPDATE_HEAD_BYTES = encodeEndOfReply(0n).length;

/** What a client is, beside somebody with a name. */
export interface Habits {
  /** It sees the roster and is not in it. */
  readonly watches?: boolean;
  /** It wants sessions. */
  readonly sessions?: boolean;
  /** Its heartbeats are held until something changes. */
  readonly holds?: boolean;
}

/** All that a client says until it is let in: it knows what it will be asked (spec 4.3). */
export function introduction(number: number, { watches, sessions, holds }: Habits): Uint8Array {
  const answers = new Map<number, Uint8Array>([[METHOD.name, nameOf(number)]]);
  if (holds) answers.set(METHOD.hold, encodeHold(MAX_HOLD_MS));
  if (watches) answers.set(METHOD.watch, NOTHING);
  answers.set(METHOD.update, NOTHING);
  if (sessions) answers.set(METHOD.session, NOTHING);
  return concatBytes([
    encodeHandshake(METHOD.session, answers.keys()),
    ...[...answers].map(([method, payload]) => encodeResponse(method, payload)),
  ]);
}

/** It publishes another name. */
export function update(number: number): Uint8Array {
  return encodeResponse(METHOD.name, nameOf(number));
}

export const HEARTBEAT = encodeHeartbeat(1_700_000_000n);
const NOTHING = new Uint8Array(0);

/** The kind of an update that adds, and a count of 0 (spec 5.4). */
const END_OF_REPLY = 0x4100_0000;

/** @param bytes end with a whole packet. */
export function endsReply(bytes: Uint8Array): boolean {
  const { buffer, byteOffset, length } = bytes;
  if (length < UPDATE_HEAD_BYTES) return false;
  return new DataView(buffer, byteOffset, length).getUint32(length - 4) === END_OF_REPLY;
}

function nameOf(number: number): Uint8Array {
  return encodeUtf8(`${number}`.padStart(NAME_BYTES, "0"));
}
