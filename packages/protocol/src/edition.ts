import type { AnnouncedCopy } from "./announced-members.ts";
import { concatBytes, equalBytes } from "./bytes.ts";
import { HISTORY_MS } from "./limits.ts";
import { METHOD } from "./method-list.ts";
import { encodeClientObject } from "./packets/client-object.ts";
import { encodeEndOfReply, encodeUpdates } from "./packets/update.ts";
import { decodeResumeToken, encodeResumeToken, HISTORY_ID_BYTES } from "./payloads/resume-token.ts";
import { RosterSnapshot } from "./roster-snapshot.ts";
import { UpdateLog, type UpdateLogOptions } from "./update-log.ts";

export interface EditionOptions extends UpdateLogOptions {
  /** Random bytes, for the name of a history. */
  readonly random: (bytes: number) => Uint8Array;
}

/** What happened to a roster since the last tick, as one edition tells it. */
export interface EditionChanges {
  /** IPs, 4 bytes each. */
  readonly removed: readonly Uint8Array[];
  /** Sessions that are gone, 8 bytes each (spec 5.8). */
  readonly gone: readonly Uint8Array[];
  /** Encoded client objects. */
  readonly added: readonly Uint8Array[];
}

/** A word with so many sessions has 8 KiB, an eighth of the largest object that a client takes (spec 5.6). */
const MAX_GONE_IN_WORD = 1_024;
/** A snapshot is encoded anew when the log behind it is longer than half of it and this much. */
const SNAPSHOT_SLACK_BYTES = 4_096;
/** … or when its time stamps are older than this, or than half of the past: who reads it needs the log behind it. */
const SNAPSHOT_MAX_AGE_SECONDS = 60;

/**
 * One network's roster as it is told to one kind of reader, with sessions or without (spec 5.8): the log of
 * encoded changes, the cached snapshot, and what many readers can share beyond that.
 */
export class Edition {
  readonly withSessions: boolean;
  readonly log: UpdateLog;
  /** How many connections read it. */
  readers = 0;
  /** So long a reader that left may come back and resume. */
  awaitedUntilMs = Number.NEGATIVE_INFINITY;
  readonly #historyId: Uint8Array;
  readonly #snapshotMaxAgeSeconds: number;
  readonly #allocate: (bytes: number) => Uint8Array;
  #snapshot: RosterSnapshot | undefined;
  /** The last short replies, without and with a resume token, for all who stand where their reader stood. */
  #shortReplies: (ShortReply | undefined)[] = [undefined, undefined];

  constructor(withSessions: boolean, options: EditionOptions) {
    this.withSessions = withSessions;
    this.log = new UpdateLog(options);
    const halfOfThePastSeconds = (options.historyMs ?? HISTORY_MS) / 2_000;
    this.#snapshotMaxAgeSeconds = Math.min(SNAPSHOT_MAX_AGE_SECONDS, halfOfThePastSeconds);
    this.#historyId = options.random(HISTORY_ID_BYTES);
    this.#allocate = options.allocate ?? ((bytes) => new Uint8Array(bytes));
  }

  /** Encodes one tick's changes, once for all readers. */
  append(changes: EditionChanges, nowMs: number, unixSeconds: number): void {
    const timestamp = BigInt(unixSeconds);
    const allocate = (bytes: number) => this.log.append(bytes, nowMs);
    encodeUpdates("removed", changes.removed, timestamp, allocate);
    encodeUpdates("added", goneWords(changes.gone), timestamp, allocate);
    encodeUpdates("added", changes.added, timestamp, allocate);
    this.log.mark();
  }

  /**
   * Everybody who has been announced; cached.
   * @param announced gives them for a new one.
   */
  snapshot(announced: () => AnnouncedCopy, unixSeconds: number): RosterSnapshot {
    const cached = this.#snapshot;
    if (cached && this.#isFresh(cached, unixSeconds)) return cached;
    const { withSessions, log } = this;
    const allocate = this.#allocate;
    const options = { withSessions, position: log.end, unixSeconds, allocate };
    this.#snapshot = new RosterSnapshot(announced(), options);
    return this.#snapshot;
  }

  /**
   * A snapshot of a crowd that has left would stay in memory until somebody comes: no log and no budget bounds it.
   * @param clients that are there now.
   */
  dropSnapshotOfACrowd(clients: number): void {
    if (this.#snapshot && this.#snapshot.clients > 2 * clients) this.#snapshot = undefined;
  }

  /**
   * A whole reply, news and end, for a reader at `position`: one buffer, the same for all who stand there.
   * @returns undefined where the reply is better sent in parts: it is long, or its beginning is forgotten.
   */
  shortReply(
    position: number,
    withToken: boolean,
    unixSeconds: number,
    maxBytes: number,
  ): Uint8Array | undefined {
    const kind = withToken ? 1 : 0;
    const cached = this.#shortReplies[kind];
    const to = this.log.end;
    if (cached?.from === position && cached.to === to && cached.unixSeconds === unixSeconds)
      return cached.bytes;
    if (to - position > maxBytes) return undefined;
    const parts = this.log.read(position, maxBytes);
    if (!parts) return undefined;
    const token = withToken ? [this.tokenWord(to, unixSeconds)] : [];
    const joined = concatBytes([...parts, ...token, encodeEndOfReply(BigInt(unixSeconds))]);
    const bytes = this.#allocate(joined.length);
    bytes.set(joined);
    this.#shortReplies[kind] = { from: position, to, unixSeconds, bytes };
    return bytes;
  }

  /** The word that tells a client where it stands (spec 5.19). */
  tokenWord(position: number, unixSeconds: number): Uint8Array {
    return resumeWord(encodeResumeToken(this.#historyId, position), unixSeconds);
  }

  /** The position that a token stands for, or undefined where it is not of this history, or of none (spec 5.19). */
  positionOf(token: Uint8Array): number | undefined {
    const decoded = decodeResumeToken(token);
    if (!decoded || !equalBytes(decoded.historyId, this.#historyId)) return undefined;
    return this.log.isMarked(decoded.position) ? decoded.position : undefined;
  }

  #isFresh(snapshot: RosterSnapshot, unixSeconds: number): boolean {
    return (
      this.log.end - snapshot.position <= snapshot.bytes / 2 + SNAPSHOT_SLACK_BYTES &&
      snapshot.position >= this.log.start &&
      unixSeconds - snapshot.unixSeconds <= this.#snapshotMaxAgeSeconds
    );
  }
}

interface ShortReply {
  readonly from: number;
  readonly to: number;
  readonly unixSeconds: number;
  readonly bytes: Uint8Array;
}

/** Words about sessions that are gone (spec 5.8). An object is never split, so many of them take several words. */
function goneWords(sessions: readonly Uint8Array[]): Uint8Array[] {
  const words: Uint8Array[] = [];
  for (let at = 0; at < sessions.length; at += MAX_GONE_IN_WORD) {
    const payload = concatBytes(sessions.slice(at, at + MAX_GONE_IN_WORD));
    words.push(encodeClientObject({ ip: 0, methods: [{ index: METHOD.session, payload }] }));
  }
  return words;
}

/** A word about `resume`: where the reply starts, or, at its end, the new token (spec 5.19). */
export function resumeWord(token: Uint8Array, unixSeconds: number): Uint8Array {
  return encodeWord(METHOD.resume, token, unixSeconds);
}

/** An Added packet with one word of the server to one client (spec 5.13). */
export function encodeWord(method: number, payload: Uint8Array, unixSeconds: number): Uint8Array {
  const word = encodeClientObject({ ip: 0, methods: [{ index: method, payload }] });
  let packet = word;
  encodeUpdates("added", [word], BigInt(unixSeconds), (bytes) => {
    packet = new Uint8Array(bytes);
    return packet;
  });
  return packet;
}
