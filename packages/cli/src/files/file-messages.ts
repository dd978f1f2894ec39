import { LektError, safeText } from "@lekt/protocol";

/** What both sides say (docs/files.md), as JSON; bytes of files go beside it. */

export const FILES_LABEL = "lekt/files";
export const FILES_VERSION = 1;

/** The sender's first message. */
export interface TransferMessage {
  readonly type: "transfer";
  readonly version: number;
  readonly files: number;
  readonly bytes: number;
}

/** A file is offered. */
export interface FileMessage {
  readonly type: "file";
  /** Names of the folders on the way, and of the file. */
  readonly path: readonly string[];
  readonly size: number;
  /** 64 hex digits. */
  readonly sha256: string;
}

/** All of a file was sent. */
interface EndMessage {
  readonly type: "end";
}

/** The sender cannot go on with a file, or could not begin. */
interface GaveUpMessage {
  readonly type: "gaveUp";
  readonly reason: string;
}

/** The receiver takes a transfer. */
interface ReadyMessage {
  readonly type: "ready";
}

/** The receiver wants a file from this byte on. */
interface FromMessage {
  readonly type: "from";
  readonly offset: number;
}

/** The receiver has a file, and its checksum is right. */
interface StoredMessage {
  readonly type: "stored";
  /** With / between names. */
  readonly name: string;
  /** It was there before: nothing was sent. */
  readonly already: boolean;
}

/** The receiver does not take a transfer or a file. */
interface RefusedMessage {
  readonly type: "refused";
  readonly reason: string;
}

export type Message =
  | TransferMessage
  | FileMessage
  | EndMessage
  | GaveUpMessage
  | ReadyMessage
  | FromMessage
  | StoredMessage
  | RefusedMessage;

/** Characters of a reason. */
const MAX_REASON_CHARACTERS = 500;

type Fields = Readonly<Record<string, unknown>>;

const READERS: { readonly [T in Message["type"]]: (fields: Fields) => Extract<Message, { type: T }> } = {
  transfer: ({ version, files, bytes }) => ({
    type: "transfer",
    version: count(version),
    files: count(files),
    bytes: count(bytes),
  }),
  file: ({ path, size, sha256 }) => ({
    type: "file",
    path: names(path),
    size: count(size),
    sha256: checksum(sha256),
  }),
  end: () => ({ type: "end" }),
  gaveUp: ({ reason }) => ({ type: "gaveUp", reason: sentence(reason) }),
  ready: () => ({ type: "ready" }),
  from: ({ offset }) => ({ type: "from", offset: count(offset) }),
  stored: ({ name, already }) => ({ type: "stored", name: safeText(text(name)), already: already === true }),
  refused: ({ reason }) => ({ type: "refused", reason: sentence(reason) }),
};

/** @throws LektError `LEKT_TRANSFER` */
export function parseMessage(bytes: Uint8Array): Message {
  const value = jsonOf(bytes);
  if (typeof value !== "object" || value === null) throw badMessage("no JSON object");
  const fields = value as Fields;
  const type = Object.keys(READERS).find((known) => known === fields["type"]) as Message["type"] | undefined;
  if (!type) throw badMessage("a message of an unknown type");
  return READERS[type](fields);
}

export function badMessage(what: string): LektError {
  return new LektError("LEKT_TRANSFER", `The peer sent ${what}: use the same version of lekt on both sides.`);
}

function jsonOf(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    return undefined;
  }
}

function count(value: unknown): number {
  if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number;
  throw badMessage("what is no number of bytes or files");
}

function text(value: unknown): string {
  if (typeof value === "string") return value;
  throw badMessage("what is no text");
}

/** For people: made safe, and not longer than it should be. */
function sentence(value: unknown): string {
  return safeText(text(value).slice(0, MAX_REASON_CHARACTERS));
}

function names(value: unknown): readonly string[] {
  if (Array.isArray(value) && value.every((name) => typeof name === "string")) return value;
  throw badMessage("what is no path");
}

function checksum(value: unknown): string {
  if (typeof value === "string" && /^[0-9a-f]{64}$/.test(value)) return value;
  throw badMessage("what is no checksum");
}
