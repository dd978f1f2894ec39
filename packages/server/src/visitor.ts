import {
  type AddressGroup,
  addressGroup,
  type Edition,
  formatIpv4,
  formatIpv6,
  type RosterMember,
  type ServerSession,
} from "@lekt/protocol";
import type { Timed } from "./deadline-wheel.ts";
import type { Network } from "./network.ts";
import type { LongReply } from "./reply.ts";
import type { SignalQueue } from "./signal-queue.ts";

/** What the heart needs of a connection: the rim makes one from a socket, a simulation from its own wire. */
export interface Link {
  /** The other side's address, in any form that the system gives, and its port. */
  readonly address: string;
  readonly port: number;
  /** The own address that the other side reached, in any form that the system gives. */
  readonly localAddress: string;
  /** @returns true where all was taken at once; otherwise `writable` of the heart is called when it is. */
  write(parts: readonly Uint8Array[]): boolean;
  /** Ends the writing side; what comes in is still read, and thrown away. */
  end(): void;
  /** At once, without a word. */
  destroy(): void;
}

/** One connection, from its beginning to its end. */
export class Visitor implements Timed {
  readonly link: Link;
  readonly session: ServerSession;
  /** 8 bytes that no other connection has (spec 5.8). */
  readonly sessionId: Uint8Array;
  wheelSlot = 0;
  /** It ended its writing, or is gone. */
  departed = false;
  /** The server is full: it may ask for a circuit, and nothing else (spec 8.2.6). */
  onlyCircuits = false;
  /** It asked for the server object (spec 5.13). */
  wantsServerInfo = false;
  /** It asked for tokens to resume with (spec 5.19). */
  wantsTokens = false;
  /** The token that it came with; forgotten with the first reply. */
  resumeToken: Uint8Array | undefined;
  network: Network | undefined;
  member: RosterMember | undefined;
  /** The edition of its network's roster that it reads. */
  edition: Edition | undefined;
  /** Where it stands in the edition's log; undefined before its first reply. */
  position: number | undefined;
  /** A reply that is sent in slices. */
  reply: LongReply | undefined;
  /** The socket has not taken yet what was last written. */
  blocked = false;
  /** What was last written ends a reply. */
  finishesReply = false;
  /** The reply that is being written has news in it. */
  replyHasNews = false;
  /** From when something waits for its reader until the reply is whole: how much was taken since when (spec 5.15). */
  pace: { sinceMs: number; takenBytes: number } | undefined;
  /** What was taken of the reply before it had to wait. */
  takenAtOnceBytes = 0;
  lastSliceBytes = 0;
  /** Under which its network knows it as one who takes signals. */
  signalKey: string | undefined;
  /** Signals that wait until its socket takes more. */
  signals: SignalQueue | undefined;
  /** The socket has not taken yet what was last written, and that was signals. */
  signalsWentLast = false;

  constructor(link: Link, session: ServerSession, sessionId: Uint8Array) {
    this.link = link;
    this.session = session;
    this.sessionId = sessionId;
  }

  /** The client's real address, an IPv4-mapped one as IPv4; for words of the server, hooks and the log. */
  get address(): string {
    const { ip, ipv6 } = this.session.address;
    return ipv6 ? formatIpv6(ipv6) : formatIpv4(ip);
  }

  /** What limits for each address count by. */
  get group(): AddressGroup {
    return addressGroup(this.session.address);
  }

  /** Whether the reader's pace counts: a reply or a signal is being written. Handshake and setup have their own deadline. */
  get isPaced(): boolean {
    return this.blocked && this.session.phase === "heartbeat";
  }

  /** When the reader's pace is judged next; infinitely late where it does not count. */
  get paceDeadlineMs(): number {
    return this.pace && this.isPaced ? this.pace.sinceMs + SLOW_READER_WINDOW_MS : Number.POSITIVE_INFINITY;
  }

  /** While a reply is being written the session's own deadlines rest, and the reader's pace is watched. */
  get deadlineMs(): number {
    const { session, paceDeadlineMs } = this;
    const rests = this.isPaced && session.pendingReplies > 0;
    return rests ? paceDeadlineMs : Math.min(paceDeadlineMs, session.deadlineMs);
  }
}

/** A waiting reply is read at 4 KiB/s or more over 10 s, or the reader is dropped (spec 5.15). */
const SLOW_READER_WINDOW_MS = 10_000;
export const SLOW_READER_BYTES = 4_096 * 10;
/**
 * What the operating system took beyond that counts for later windows, two of them at the most: it takes
 * megabytes at once, and says that there is room again only when a third of them has been read.
 */
export const MAX_CARRY_BYTES = 2 * SLOW_READER_BYTES;
