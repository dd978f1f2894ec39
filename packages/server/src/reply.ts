import { encodeEndOfReply, PACKET_TARGET_BYTES, type Roster, type RosterSnapshot } from "@lekt/protocol";

/**
 * So much of a reply is handed to the socket at once. It is less than a reader at the least allowed speed
 * takes in 10 s (spec 5.15), so a slice that stays whole for so long means: too slow.
 */
const SLICE_BYTES = PACKET_TARGET_BYTES;

/** The end of a reply, encoded once a second for everybody (spec 5.11). */
export class EndOfReply {
  #unixSeconds = Number.NaN;
  #bytes: Buffer = Buffer.alloc(0);

  at(unixSeconds: number): Buffer {
    if (unixSeconds !== this.#unixSeconds) {
      this.#unixSeconds = unixSeconds;
      this.#bytes = Buffer.from(encodeEndOfReply(BigInt(unixSeconds)));
    }
    return this.#bytes;
  }
}

/**
 * A reply too long for one write: words of the server, then the snapshot for a newcomer, then the log up to
 * where it ends by then, then the end. It owns nothing of that but its place in it, and is asked for the next
 * slice when the socket has taken the one before.
 */
export class LongReply {
  /** Where the reader stands in the log. */
  position: number;
  readonly #roster: Roster;
  #words: Uint8Array | undefined;
  #snapshot: RosterSnapshot | undefined;
  #page = 0;
  #whole = false;

  /** @param start a position in the log, or the snapshot to begin with. */
  constructor(roster: Roster, start: number | RosterSnapshot, words: Uint8Array | undefined) {
    this.#roster = roster;
    this.#words = words;
    this.#snapshot = typeof start === "number" ? undefined : start;
    this.position = typeof start === "number" ? start : start.position;
  }

  /** Whether the last slice had the end in it. */
  get whole(): boolean {
    return this.#whole;
  }

  /** The next slice, or undefined where the log has forgotten what comes next (spec 5.16). */
  next(end: Uint8Array): Uint8Array[] | undefined {
    const slice: Uint8Array[] = [];
    let room = SLICE_BYTES;
    const take = (part: Uint8Array) => {
      slice.push(part);
      room -= part.length;
    };
    if (this.#words) take(this.#words);
    this.#words = undefined;
    while (this.#snapshot) {
      const page = this.#snapshot.pages[this.#page];
      if (!page) {
        this.#snapshot = undefined;
        break;
      }
      if (page.length > room && slice.length > 0) return slice;
      this.#page++;
      take(page);
    }
    const parts = this.#roster.log.read(this.position, Math.max(room, 0));
    if (!parts) return undefined;
    for (const part of parts) {
      if (part.length > room && slice.length > 0) return slice;
      this.position += part.length;
      take(part);
    }
    if (this.position < this.#roster.log.end || (room < end.length && slice.length > 0)) return slice;
    take(end);
    this.#whole = true;
    return slice;
  }
}
