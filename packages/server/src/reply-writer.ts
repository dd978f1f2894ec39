import { type Edition, encodeServerInfo, encodeWord, METHOD, resumeWord, toHex } from "@lekt/protocol";
import type { Network } from "./network.ts";
import { EndOfReply, LongReply, type LongReplyPlan, SLICE_BYTES } from "./reply.ts";
import { SignalQueue } from "./signal-queue.ts";
import type { Surroundings } from "./surroundings.ts";
import { MAX_CARRY_BYTES, SLOW_READER_BYTES, type Visitor } from "./visitor.ts";

/** What the writer needs of who drives it. */
export interface ReplyWriterEvents {
  /** The visitor's deadline may have come nearer. */
  readonly deadlineMoved: (visitor: Visitor) => void;
  /** The log has forgotten what the visitor would have to read next (spec 5.16). */
  readonly fellBehind: (visitor: Visitor) => void;
}

/** News of at most this size goes out as one buffer that all who wait share. */
const SHORT_REPLY_BYTES = 16_384;
const NO_SERVICES = { relay: null, stun: [] };
const NO_TOKEN = new Uint8Array(0);
/** So many bytes of long replies are written in one turn of the event loop: some milliseconds. */
const TURN_BYTES = 2 * 1_024 * 1_024;
/** To encode a client of a snapshot takes as long as to write so many bytes that are encoded already. */
const ENCODED_CLIENT_BYTES = 256;

/** Answers heartbeats: decides when, and writes no more than the socket takes. */
export class ReplyWriter {
  readonly #surroundings: Surroundings;
  readonly #heartbeatSeconds: number;
  readonly #replyLifeMs: number;
  readonly #events: ReplyWriterEvents;
  readonly #endOfReply = new EndOfReply();
  #turnBytes = TURN_BYTES;
  /** Whose long reply goes on in the next turn. */
  readonly #paused = new Set<Visitor>();
  /** Who was signalled in this event, and has got nothing of it yet. */
  readonly #signalled = new Set<Visitor>();

  /** @param replyLifeMs a reply that takes longer to be read holds on to too much of the past. */
  constructor(
    surroundings: Surroundings,
    heartbeatSeconds: number,
    replyLifeMs: number,
    events: ReplyWriterEvents,
  ) {
    this.#replyLifeMs = replyLifeMs;
    this.#surroundings = surroundings;
    this.#heartbeatSeconds = heartbeatSeconds;
    this.#events = events;
  }

  /**
   * Answers what is pending: now, at the next tick where a change waits for it, or when the hold ends.
   * @param ticked it waited for a tick, and that was: what changes while all who did are answered is for the next reply.
   */
  serve(visitor: Visitor, ticked = false): void {
    const { session, network, edition } = visitor;
    if (!network || !edition) return;
    const nowMs = this.#surroundings.nowMs();
    let isForTick = ticked;
    while (session.pendingReplies > 0 && !visitor.blocked && !visitor.reply) {
      const { roster } = network;
      if (!isForTick && roster.hasNewsAt(nowMs, edition.withSessions)) {
        network.waiting.add(visitor);
        return;
      }
      // A further heartbeat may have come since, and is owed what changed before it (spec 5.4.2).
      isForTick = false;
      const hasNews = visitor.position !== edition.log.end;
      if (!session.replyDue(nowMs, hasNews)) {
        network.waiting.add(visitor);
        this.#events.deadlineMoved(visitor);
        return;
      }
      network.waiting.delete(visitor);
      network.due.delete(visitor);
      this.#reply(visitor, network, edition, hasNews);
    }
  }

  /** Whether `resume` has something to do. */
  get hasPaused(): boolean {
    return this.#paused.size > 0;
  }

  /** A new turn of the event loop: goes on with the long replies, as far as it allows. */
  resume(): void {
    this.#turnBytes = TURN_BYTES;
    for (const visitor of this.#paused) {
      if (this.#turnBytes <= 0) return;
      this.#paused.delete(visitor);
      // Where a signal went out meanwhile, `writable` goes on.
      if (visitor.reply && !visitor.blocked) this.#writeOn(visitor, visitor.reply);
      this.serve(visitor);
    }
  }

  /**
   * Takes a signal, which goes out with `flushSignals` or, where the socket is full, when it takes more.
   * @returns false where too much waits already (spec 8.1.5).
   */
  signal(visitor: Visitor, packet: Uint8Array): boolean {
    visitor.signals ??= new SignalQueue();
    this.#signalled.add(visitor);
    if (visitor.signals.add(packet)) return true;
    this.#signalOn(visitor);
    return visitor.signals.add(packet);
  }

  /** What came in one piece goes out in one piece, between two packets of whatever reply is under way. */
  flushSignals(): void {
    // As nearly always; to look through an empty set takes memory at every heartbeat.
    if (this.#signalled.size === 0) return;
    for (const visitor of this.#signalled) this.#signalOn(visitor);
    this.#signalled.clear();
  }

  /** Writes the signals that wait, no more at once than of a reply. */
  #signalOn(visitor: Visitor): void {
    const { signals } = visitor;
    while (signals && !signals.isEmpty && !visitor.blocked) {
      visitor.signalsWentLast = !this.write(visitor, signals.take(SLICE_BYTES));
    }
  }

  /** The visitor has left. */
  forget(visitor: Visitor): void {
    this.#paused.delete(visitor);
  }

  /** The link has taken all that was written. */
  writable(visitor: Visitor): void {
    if (!visitor.blocked) return;
    visitor.blocked = false;
    if (visitor.pace) visitor.pace.takenBytes += visitor.lastSliceBytes;
    if (visitor.network && visitor.finishesReply) this.#replied(visitor);
    if (!visitor.reply) visitor.pace = undefined;
    // Signals and replies in turn: neither keeps the other from a slow reader.
    const repliesFirst = visitor.signalsWentLast;
    visitor.signalsWentLast = false;
    if (!repliesFirst) this.#signalOn(visitor);
    if (visitor.reply && !visitor.blocked) this.#writeOn(visitor, visitor.reply);
    this.serve(visitor);
    this.#signalOn(visitor);
    // What waited may have put the deadline further away than silence does now.
    if (visitor.network && !visitor.blocked) this.#events.deadlineMoved(visitor);
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
      sinceMs: this.#surroundings.nowMs(),
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
    visitor.pace = { sinceMs: this.#surroundings.nowMs(), takenBytes: carryBytes };
    // What the socket may have taken of its last slice counts in favour of the reader.
    return takenBytes + visitor.lastSliceBytes >= SLOW_READER_BYTES;
  }

  #reply(visitor: Visitor, network: Network, edition: Edition, hasNews: boolean): void {
    visitor.replyHasNews = hasNews;
    visitor.takenAtOnceBytes = 0;
    if (visitor.position === undefined) {
      this.#writeOn(visitor, new LongReply(this.#firstReply(visitor, network, edition)));
      return;
    }
    const unixSeconds = this.#surroundings.unixSeconds();
    const withToken = visitor.wantsTokens;
    const short = hasNews
      ? edition.shortReply(visitor.position, withToken, unixSeconds, SHORT_REPLY_BYTES)
      : this.#endOfReply.at(unixSeconds);
    if (!short) {
      const end = this.#endOf(edition, withToken);
      const plan = { edition, words: [], start: visitor.position, expiresMs: this.#expiresMs(), end };
      this.#writeOn(visitor, new LongReply(plan));
      return;
    }
    visitor.position = edition.log.end;
    visitor.finishesReply = true;
    if (this.write(visitor, [short])) this.#replied(visitor);
  }

  /** The whole roster, or only what changed for a client that can go on from where it was (spec 5.19). */
  #firstReply(visitor: Visitor, network: Network, edition: Edition): LongReplyPlan {
    const unixSeconds = this.#surroundings.unixSeconds();
    const snapshot = network.roster.snapshot(edition, unixSeconds);
    const token = visitor.resumeToken;
    visitor.resumeToken = undefined;
    const words: Uint8Array[] = [];
    if (visitor.wantsServerInfo) words.push(this.#serverInfo(visitor, unixSeconds));
    const expiresMs = this.#expiresMs();
    if (token === undefined) {
      return { edition, words, start: snapshot, expiresMs, end: this.#endOf(edition, false) };
    }
    const position = edition.positionOf(token);
    // A difference that is longer than the whole is of no use.
    const resumes =
      position !== undefined && edition.log.end - position <= snapshot.bytes + SHORT_REPLY_BYTES;
    words.push(resumeWord(resumes ? token : NO_TOKEN, unixSeconds));
    return {
      edition,
      words,
      start: resumes ? position : snapshot,
      expiresMs,
      end: this.#endOf(edition, true),
    };
  }

  #expiresMs(): number {
    return this.#surroundings.nowMs() + this.#replyLifeMs;
  }

  #endOf(edition: Edition, withToken: boolean): LongReplyPlan["end"] {
    return (position) => {
      const unixSeconds = this.#surroundings.unixSeconds();
      const end = this.#endOfReply.at(unixSeconds);
      return withToken ? [edition.tokenWord(position, unixSeconds), end] : [end];
    };
  }

  /** Writes slices until the reply is whole or the socket takes no more. */
  #writeOn(visitor: Visitor, reply: LongReply): void {
    visitor.reply = reply;
    while (!reply.whole) {
      if (this.#turnBytes <= 0) {
        this.#paused.add(visitor);
        return;
      }
      const slice = reply.next(this.#surroundings.nowMs());
      if (!slice) {
        this.#events.fellBehind(visitor);
        return;
      }
      if (reply.whole) {
        visitor.reply = undefined;
        visitor.position = reply.position;
        visitor.finishesReply = true;
      }
      const isTaken = this.write(visitor, slice);
      this.#turnBytes -= visitor.lastSliceBytes + ENCODED_CLIENT_BYTES * reply.encodedClients;
      if (!isTaken) return;
    }
    this.#replied(visitor);
  }

  #replied(visitor: Visitor): void {
    visitor.finishesReply = false;
    visitor.pace = undefined;
    visitor.session.replied(this.#surroundings.nowMs(), visitor.replyHasNews);
    // A hold or a slow reader may have put the deadline further away than silence does now.
    if (visitor.network) this.#events.deadlineMoved(visitor);
  }

  /** A word of the server to this one client (spec 5.13). */
  #serverInfo(visitor: Visitor, unixSeconds: number): Uint8Array {
    const you = { address: visitor.address, port: visitor.link.port };
    const payload = encodeServerInfo({
      you: visitor.edition?.withSessions ? { ...you, session: toHex(visitor.sessionId) } : you,
      heartbeatSeconds: this.#heartbeatSeconds,
      ...(this.#surroundings.services?.addressesFor(visitor.link) ?? NO_SERVICES),
    });
    return encodeWord(METHOD.server, payload, unixSeconds);
  }
}
