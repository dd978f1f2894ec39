import type { RejectWord } from "./reject-words.ts";

/** A client broke a rule: the server answers with a Reject that begins with `word` (spec 1.5, 6.3). */
export class ProtocolError extends Error {
  override readonly name = "ProtocolError";
  readonly word: RejectWord;

  /** @param text for people; it never repeats bytes that the client sent (spec 6.1). */
  constructor(word: RejectWord, text: string) {
    super(text);
    this.word = word;
  }
}

/** Every code that a `LektError` can carry; `spec/errors.md` has a heading for each. */
export const LEKT_ERROR_CODES = [
  "LEKT_URL",
  "LEKT_OPTION",
  "LEKT_CONNECT",
  "LEKT_NOT_LEKT",
  "LEKT_VERSION",
  "LEKT_PROTOCOL",
  "LEKT_TIMEOUT",
  "LEKT_CONNECTION_LOST",
  "LEKT_REJECT_VERSION",
  "LEKT_REJECT_MALFORMED",
  "LEKT_REJECT_LIMIT",
  "LEKT_REJECT_RATE",
  "LEKT_REJECT_TIMEOUT",
  "LEKT_REJECT_AUTH",
  "LEKT_REJECT_KICKED",
  "LEKT_REJECT_REPLACED",
  "LEKT_REJECT_SHUTDOWN",
  "LEKT_REJECT_MOVED",
  "LEKT_REJECT_INTERNAL",
  "LEKT_REJECT_UNKNOWN",
  "LEKT_MOVED_TOO_OFTEN",
  "LEKT_ROSTER_LIMIT",
  "LEKT_EVENTS_LOST",
  "LEKT_TOKEN_INSECURE",
  "LEKT_ABORTED",
  "LEKT_CLOSED",
  "LEKT_ADDRESS_IN_USE",
  "LEKT_LISTEN",
  "LEKT_INPUT",
  "LEKT_UNREACHABLE",
  "LEKT_PATH",
  "LEKT_TRANSFER",
  "LEKT_PEER_IDENTITY",
  "LEKT_NETWORK_KEY",
  "LEKT_PEER_REFUSED",
] as const;

export type LektErrorCode = (typeof LEKT_ERROR_CODES)[number];

/** An error for people and programs: the message says what was attempted, the code is stable. */
export class LektError extends Error {
  override readonly name = "LektError";
  readonly code: LektErrorCode;

  constructor(code: LektErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}

/** The code of a Reject that begins with `word`. */
export function rejectErrorCode(word: RejectWord | "unknown"): LektErrorCode {
  return `LEKT_REJECT_${word.toUpperCase() as Uppercase<RejectWord | "unknown">}`;
}
