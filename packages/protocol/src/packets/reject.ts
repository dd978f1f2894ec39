import { MAX_REJECT_BYTES } from "../limits.ts";
import { REJECT_WORDS, type RejectWord } from "../reject-words.ts";
import { encodeUtf8 } from "../utf8.ts";
import type { Version } from "../version.ts";
import { HEADER_BYTES, PACKET_TYPE, writeHeader } from "./header.ts";

/*
 * Reject, server to client, the last packet (spec 6.1)
 *
 *   0   header, type 'R'
 *   8   message: UTF-8, "word: text", ends in one NUL, at most 1,024 bytes with it
 */
export interface RejectPacket {
  readonly type: "reject";
  readonly version: Version;
  readonly message: string;
  readonly word: RejectWord | "unknown";
}

/** A text that is too long is cut between two characters. */
export function encodeReject(word: RejectWord, text: string, version?: Version): Uint8Array {
  let message = `${word}: ${text.replaceAll("\0", " ")}`;
  let bytes = encodeUtf8(message);
  while (bytes.length > MAX_REJECT_BYTES - 1) {
    message = [...message].slice(0, -1 - Math.ceil((bytes.length - MAX_REJECT_BYTES) / 4)).join("");
    bytes = encodeUtf8(message);
  }
  const packet = new Uint8Array(HEADER_BYTES + bytes.length + 1);
  writeHeader(packet, 0, PACKET_TYPE.R, version);
  packet.set(bytes, HEADER_BYTES);
  return packet;
}

/** The word that the message begins with, a colon and a space behind it (spec 6.1.3). */
export function rejectWord(message: string): RejectWord | "unknown" {
  return REJECT_WORDS.find((word) => message.startsWith(`${word}: `)) ?? "unknown";
}
