import { encodeClientObject, encodeServerInfo, encodeUpdates, METHOD } from "@lekt/protocol";
import type { Network } from "./network.ts";
import { EndOfReply, LongReply } from "./reply.ts";
import { MAX_CARRY_BYTES, SLOW_READER_BYTES, type Visitor } from "./visitor.ts";

export interface RendezvousClock {
  /** Monotonic, in milliseconds. */
  readonly nowMs: () => number;
  /** The wall clock, in whole seconds. */
  readonly unixSeconds: () => number;
  /** Called when the heart did something by itself, after `authorize` decided: `nextTickMs` may have moved. */
  readonly wake?: () => void;
}

/** What the writer needs of who drives it. */
export interface ReplyWriterEvents {
  /** The visitor's deadline may have come nearer. */
  readonly deadlineMoved: (visitor: Visitor) => void;
  /** The log has forgotten what the visitor would have to read next (spec 5.16). */
  readonly fellBehind: (visitor: Visitor) => void;
}

/** News of at most this size goes out as one buffer that all who wait share. */
const SHORT_REPLY_BYTES = 16_384;

/** Answers heartbeats: decides when, and writes no more than the socket takes. */
export class ReplyWriter {
  readonly #clock: RendezvousClock;
  readonly #heartbeatSeconds: number;
  readonly #events: ReplyWriterEvents;
  readonly #endOfReply = new EndOfReply();

  constructor(clock: RendezvousClock, heartbeatSeconds: number, events: ReplyWriterEvents) {
    this.#clock = clock;
    this.#heartbeatSeconds = heartbeatSeconds;
    this.#events = events;
  }

  /** Answers what is pending: now, at the next tick where a change waits for it, or when the hold ends. */
  serve(visitor: Visitor): void {
    const { session, network } = visitor;
    if (!network) return;
    const nowMs = this.#clock.nowMs();
    while (session.pendingReplies > 0 && !visitor.blocked) {
      const { roster } = network;
      if (roster.hasNewsAt(nowMs)) {
        network.waiting.add(visitor);
        return;
      }
      const hasNews = visitor.position !== roster.log.end;
      if (!session.replyDue(nowMs, hasNews)) {
        network.waiting.add(visitor);
        this.#events.deadlineMoved(visitor);
        return;
      }
      network.waiting.delete(visitor);
      this.#reply(visitor, network, hasNews);
    }
  }

  /** The link has taken all that was written. */
  writable(visitor: Visitor): void {
    if (!visitor.blocked) return;
    visitor.blocked = false;
    if (visitor.pace) visitor.pace.takenBytes += visitor.lastSliceBytes;
    if (visitor.reply) this.#writeOn(visitor, visitor.reply);
    else if (visitor.network && visitor.finishesReply) this.#replied(visitor);
    else visitor.pace = undefined;
    this.serve(visitor);
  }

  /** @returns true where all was taken at once. */
  write(visitor: Visitor, parts: readonly Uint8Array[]): boolean {
    visitor.lastSliceBytes = 0;
    for (const part of parts) visitor.lastSliceBytes += part.length;
    if (visitor.link.write(parts)) {
      if (visitor.pace) visitor.pace.takenBytes += visitor.lastSliceBytes;
      else visitor.takenAtOnceBytes += visitor.lastSliceBytes;
      return true;
    }
    visitor.pace ??= {
      sinceMs: this.#clock.nowMs(),
      takenBytes: Math.min(visitor.takenAtOnceBytes, MAX_CARRY_BYTES),
    };
    visitor.blocked = true;
    this.#events.deadlineMoved(visitor);
    return false;
  }

  /** At the end of a window: whether a blocked reader has read enough. Begins the next window (spec 5.15). */
  keepsPace(visitor: Visitor): boolean {
    const takenBytes = visitor.pace?.takenBytes ?? 0;
    const carryBytes = Math.min(Math.max(0, takenBytes - SLOW_READER_BYTES), MAX_CARRY_BYTES);
    visitor.pace = { sinceMs: this.#clock.nowMs(), takenBytes: carryBytes };
    // What the socket may have taken of its last slice counts in favour of the reader.
    return takenBytes + visitor.lastSliceBytes >= SLOW_READER_BYTES;
  }

  #reply(visitor: Visitor, network: Network, hasNews: boolean): void {
    const unixSeconds = this.#clock.unixSeconds();
    const { roster } = network;
    const { position } = visitor;
    visitor.replyHasNews = hasNews;
    visitor.takenAtOnceBytes = 0;
    if (position === undefined) {
      const words = visitor.introduction?.wantsServerInfo
        ? this.#serverInfo(visitor, unixSeconds)
        : undefined;
      this.#writeOn(visitor, new LongReply(roster, roster.snapshot(unixSeconds), words));
      return;
    }
    const short = hasNews
      ? roster.shortReply(position, unixSeconds, SHORT_REPLY_BYTES)
      : this.#endOfReply.at(unixSeconds);
    if (!short) {
      this.#writeOn(visitor, new LongReply(roster, position, undefined));
      return;
    }
    visitor.position = roster.log.end;
    visitor.finishesReply = true;
    if (this.write(visitor, [short])) this.#replied(visitor);
  }

  /** Writes slices until the reply is whole or the socket takes no more. */
  #writeOn(visitor: Visitor, reply: LongReply): void {
    visitor.reply = reply;
    while (!reply.whole) {
      const slice = reply.next(this.#endOfReply.at(this.#clock.unixSeconds()));
      if (!slice) {
        this.#events.fellBehind(visitor);
        return;
      }
      if (reply.whole) {
        visitor.reply = undefined;
        visitor.position = reply.position;
        visitor.finishesReply = true;
      }
      if (!this.write(visitor, slice)) return;
    }
    this.#replied(visitor);
  }

  #replied(visitor: Visitor): void {
    visitor.finishesReply = false;
    visitor.pace = undefined;
    visitor.session.replied(this.#clock.nowMs(), visitor.replyHasNews);
    // Silence counts from here, and that may end before the hold would have.
    this.#events.deadlineMoved(visitor);
  }

  /** A word of the server to this one client (spec 5.13). */
  #serverInfo(visitor: Visitor, unixSeconds: number): Uint8Array {
    const payload = encodeServerInfo({
      you: { address: visitor.address, port: visitor.link.port },
      heartbeatSeconds: this.#heartbeatSeconds,
      relay: null,
      stun: [],
    });
    const object = encodeClientObject({ ip: 0, methods: [{ index: METHOD.server, payload }] });
    let packet = object;
    encodeUpdates("added", [object], BigInt(unixSeconds), (bytes) => {
      packet = new Uint8Array(bytes);
      return packet;
    });
    return packet;
  }
}
