import { type Edition, encodeEndOfReply, PACKET_TARGET_BYTES, type RosterSnapshot } from "@lekt/protocol";

/**
 * So much of a reply is handed to the socket at once. It is less than a reader at the least allowed speed
 * takes in 10 s (spec 5.15), so a slice that stays whole for so long means: too slow.
 */
export const SLICE_BYTES = PACKET_TARGET_BYTES;

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

/** What a long reply consists of. */
export interface LongReplyPlan {
  readonly edition: Edition;
  /** Words of the server that come first. */
  readonly words: readonly Uint8Array[];
  /** Where in the log it starts, or the snapshot to begin with. */
  readonly start: number | RosterSnapshot;
  /** When a reader that is still not through has fallen behind: what it holds on to is too old (spec 5.16). */
  readonly expiresMs: number;
  /** Its last packets, once it is known where in the log it ends. */
  readonly end: (position: number) => readonly Uint8Array[];
}

/**
 * A reply too long for one write: words of the server, then the snapshot for a newcomer, then the log up to
 * where it ends by then, then the end. It owns nothing of that but its place in it, and is asked for the next
 * slice when the socket has taken the one before.
 */
export class LongReply {
  /** Where the reader stands in the log. */
  position: number;
  /** How many clients of the snapshot were encoded for the last slice: the first that reads so far has them encoded. */
  encodedClients = 0;
  readonly #plan: LongReplyPlan;
  /** undefined where it starts in the log. */
  #snapshot: RosterSnapshot | undefined;
  #page = 0;
  #whole = false;

  constructor(plan: LongReplyPlan) {
    const { start } = plan;
    this.#plan = plan;
    this.#snapshot = typeof start === "number" ? undefined : start;
    this.position = typeof start === "number" ? start : start.position;
  }

  /** Whether the last slice had the end in it. */
  get whole(): boolean {
    return this.#whole;
  }

  /** The next slice, or undefined where the log has forgotten what comes next (spec 5.16). */
  next(nowMs: number): Uint8Array[] | undefined {
    const { log } = this.#plan.edition;
    // Also before the log is reached: whoever reads an old snapshot keeps all of it in memory.
    if (this.position < log.start || nowMs > this.#plan.expiresMs) return undefined;
    const slice: Uint8Array[] = [];
    let room = SLICE_BYTES;
    const take = (part: Uint8Array) => {
      slice.push(part);
      room -= part.length;
    };
    this.encodedClients = 0;
    for (let page = this.#nextPage(); page; page = this.#nextPage()) {
      if (page.length > room && slice.length > 0) return slice;
      this.#page++;
      take(page);
    }
    this.#snapshot = undefined;
    const parts = log.read(this.position, Math.max(room, 0));
    if (!parts) return undefined;
    for (const part of parts) {
      if (part.length > room && slice.length > 0) return slice;
      this.position += part.length;
      take(part);
    }
    if (this.position < log.end) return slice;
    for (const part of this.#plan.end(this.position)) take(part);
    this.#whole = true;
    return slice;
  }

  /** The words come first. */
  #nextPage(): Uint8Array | undefined {
    const { words } = this.#plan;
    const word = words[this.#page];
    if (word || !this.#snapshot) return word;
    const encodedBefore = this.#snapshot.encodedClients;
    const page = this.#snapshot.page(this.#page - words.length);
    this.encodedClients += this.#snapshot.encodedClients - encodedBefore;
    return page;
  }
}
