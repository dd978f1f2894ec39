import { equalBytes } from "./bytes.ts";
import { LektError, rejectErrorCode } from "./errors.ts";
import { HEARTBEAT_INTERVAL_MS, MAX_SIGNAL_BYTES, SETUP_TIMEOUT_MS, SILENT_INTERVALS } from "./limits.ts";
import { describeMethod, IDENTITY_BYTES, isPublished, METHOD } from "./method-list.ts";
import { type ClientObject, payloadOf } from "./packets/client-object.ts";
import { encodeHandshake } from "./packets/handshake.ts";
import { encodeHeartbeat } from "./packets/heartbeat.ts";
import { encodeResponse } from "./packets/response.ts";
import { encodeSignal } from "./packets/signal.ts";
import { decodeHold } from "./payloads/hold.ts";
import { decodeServerInfo, type ServerInfo } from "./payloads/server-info.ts";
import type { RejectWord } from "./reject-words.ts";
import type { RosterChange, RosterView } from "./roster-view.ts";
import { safeText } from "./safe-text.ts";
import {
  type ServerPacket,
  ServerPacketDecoder,
  type ServerPacketDecoderOptions,
} from "./server-packet-decoder.ts";
import type { Version } from "./version.ts";

export interface ClientSessionOptions extends ServerPacketDecoderOptions {
  /** What the client offers: payload for each method and attribute that it sets. */
  readonly offers: ReadonlyMap<number, Uint8Array>;
  /** Lives longer than one session: a new session starts it over. */
  readonly view: RosterView;
  /** The wall clock, in whole seconds, for the time stamps of heartbeats. */
  readonly unixSeconds: () => number;
  /** Default 10,000; what the server says of itself goes before. */
  readonly heartbeatIntervalMs?: number;
  /** Default 10,000. */
  readonly setupTimeoutMs?: number;
}

/** What the driver has to do or to know. */
export type ClientSessionEvent =
  | { readonly type: "send"; readonly bytes: Uint8Array }
  /** Setup is over. `asked`: the methods that the server wanted to know about. */
  | { readonly type: "ready"; readonly version: Version; readonly asked: readonly number[] }
  /** What the server says of itself and of this client (spec 5.13). */
  | { readonly type: "server"; readonly info: Partial<ServerInfo> }
  /** A reply took effect. `first`: the first one on this connection. */
  | { readonly type: "reply"; readonly changes: readonly RosterChange[]; readonly first: boolean }
  /** A signal of whoever shows the identity `from`; empty: the own one to `from` came back (spec 8.1.4). */
  | { readonly type: "signal"; readonly from: Uint8Array; readonly payload: Uint8Array }
  /** The last event: close the connection. `word` is set where the server sent a Reject, `text` is its text. */
  | {
      readonly type: "ended";
      readonly error: LektError;
      readonly word?: RejectWord | "unknown";
      readonly text?: string;
    };

/** Own heartbeats stay below the server's rate: GCRA with this spacing and burst (spec 5.14). */
const HEARTBEAT_SPACING_MS = 55;
const HEARTBEAT_BURST = 20;
/** A server that takes `hold` and then answers at once though nothing changed is asked so often only. */
const EMPTY_REPLY_SPACING_MS = 1_000;

const NO_EVENTS: readonly ClientSessionEvent[] = [];

/** One connection's session on the client: bytes and the time in, events and the next deadline out. */
export class ClientSession {
  /** What is waited for: the end of the setup, a reply, or the time of the next heartbeat. */
  #waitUntilMs: number;
  /** Replaced payloads that are not sent yet, the latest of each method. */
  readonly #unsentUpdates = new Map<number, Uint8Array>();
  readonly #options: ClientSessionOptions;
  readonly #decoder: ServerPacketDecoder;
  readonly #view: RosterView;
  readonly #offers: Map<number, Uint8Array>;
  #events: ClientSessionEvent[] = [];
  #ended = false;
  #version: Version | undefined;
  readonly #asked: number[] = [];
  #intervalMs: number;
  /** 0 where the server does not hold replies. */
  #holdMs = 0;
  #heartbeatMs = 0;
  #nextHeartbeatMs = 0;
  #replyOutstanding = false;
  #replies = 0;
  /** What this connection asked to resume with. */
  readonly #resumeToken: Uint8Array | undefined;
  /** Whether the server has said where the first reply starts, or has begun it without a word about that. */
  #startKnown = false;
  /** The token of the reply that is coming in; valid at its end. */
  #replyToken: Uint8Array | undefined;
  /** The current reply has brought something. */
  #replyHasNews = false;
  /** Whether this server is known to mark the end of a reply (spec 5.18): it has done so, or it resumes. */
  #endsSeen = false;

  /** The connection stands: the handshake is the first `send`. */
  constructor(options: ClientSessionOptions, nowMs: number) {
    this.#options = options;
    this.#view = options.view;
    this.#offers = new Map(options.offers);
    if (this.#offers.has(METHOD.resume)) {
      this.#resumeToken = this.#view.resumeToken;
      this.#offers.set(METHOD.resume, this.#resumeToken ?? new Uint8Array(0));
    }
    this.#view.startOver();
    this.#decoder = new ServerPacketDecoder(options);
    this.#intervalMs = options.heartbeatIntervalMs ?? HEARTBEAT_INTERVAL_MS;
    this.#waitUntilMs = nowMs + (options.setupTimeoutMs ?? SETUP_TIMEOUT_MS);
    const known = Math.max(0, ...this.#offers.keys());
    this.#send(encodeHandshake(known, this.#offers.keys()));
  }

  /** When `onDeadline` is due. */
  get deadlineMs(): number {
    return this.#unsentUpdates.size > 0 ? Math.min(this.#waitUntilMs, this.#allowedMs) : this.#waitUntilMs;
  }

  /**
   * Replaces a payload that this client published (spec 4.10). What is replaced faster than a server allows
   * (spec 5.14) waits, and only the latest is sent.
   * @returns false where the server does not take updates, or not of this method, or setup is not over.
   */
  update(method: number, payload: Uint8Array, nowMs: number): boolean {
    const isTaken = [METHOD.update, method].every((index) => this.#asked.includes(index));
    if (this.#ended || this.#decoder.phase !== "heartbeat" || !isTaken || !isPublished(method)) return false;
    this.#offers.set(method, payload);
    this.#unsentUpdates.set(method, payload);
    this.#sendUpdates(nowMs);
    return true;
  }

  /**
   * Sends a signal, best effort; what the server cannot deliver comes back as an event (spec 8.1.4).
   * @param payload 1 to 16,384 bytes.
   * @returns false where there are no signals on this connection, or setup is not over.
   */
  signal(to: Uint8Array, payload: Uint8Array): boolean {
    if (to.length !== IDENTITY_BYTES) throw new RangeError(`an identity of ${to.length} bytes`);
    if (payload.length === 0 || payload.length > MAX_SIGNAL_BYTES)
      throw new RangeError(`a signal of ${payload.length} bytes`);
    if (this.#ended || this.#decoder.phase !== "heartbeat" || !this.#decoder.takesSignals) return false;
    this.#send(encodeSignal(to, payload));
    return true;
  }

  takeEvents(): readonly ClientSessionEvent[] {
    if (this.#events.length === 0) return NO_EVENTS;
    const events = this.#events;
    this.#events = [];
    return events;
  }

  receive(bytes: Uint8Array, nowMs: number): void {
    if (this.#ended) return;
    try {
      this.#decoder.push(bytes);
      // A Reject is the last packet: nothing behind it is read (spec 6.2).
      while (!this.#ended) {
        const packet = this.#decoder.next();
        if (!packet) break;
        this.#receivePacket(packet, nowMs);
      }
      if (this.#replyOutstanding && !this.#ended) this.#awaitReply(nowMs);
    } catch (error) {
      if (!(error instanceof LektError)) throw error;
      this.#end(error);
    }
  }

  /** The connection ended. An unfinished reply is thrown away (spec 5.4). @param cause what the socket said. */
  disconnected(cause?: unknown): void {
    if (this.#ended) return;
    const during = this.#decoder.phase === "heartbeat" ? "" : ` during the ${this.#decoder.phase}`;
    this.#end(
      new LektError("LEKT_CONNECTION_LOST", `The connection to the server ended${during}.`, { cause }),
    );
  }

  onDeadline(nowMs: number): void {
    if (this.#ended) return;
    this.#sendUpdates(nowMs);
    if (nowMs < this.#waitUntilMs) return;
    if (this.#decoder.phase !== "heartbeat") {
      this.#end(
        new LektError("LEKT_TIMEOUT", `The server did not finish the ${this.#decoder.phase} in time.`),
      );
    } else if (!this.#replyOutstanding) {
      this.#heartbeat(nowMs);
    } else if (this.#endsSeen || this.#decoder.insidePacket || this.#lacksFirstRoster) {
      this.#end(new LektError("LEKT_TIMEOUT", "The server stopped answering."));
    } else {
      // It sends no end of a reply: what came is whole (spec 5.18).
      this.#endOfReply(nowMs);
    }
  }

  #receivePacket(packet: ServerPacket, nowMs: number): void {
    switch (packet.type) {
      case "accept":
        this.#version = packet.version;
        break;
      case "request":
        if (packet.method === 0) this.#ready(nowMs);
        else this.#respond(packet.method);
        break;
      case "added":
        if (packet.count === 0) {
          this.#endsSeen = true;
          this.#endOfReply(nowMs);
        }
        break;
      case "client":
        if (packet.object.ip === 0) this.#wordFromServer(packet.object);
        else {
          this.#startKnown = true;
          this.#view.added(packet.object);
        }
        this.#replyHasNews = true;
        break;
      case "removed":
        break;
      case "address":
        this.#startKnown = true;
        this.#view.removed(packet.ip);
        this.#replyHasNews = true;
        break;
      case "signal":
        this.#events.push({ type: "signal", from: packet.identity, payload: packet.payload });
        break;
      case "reject":
        this.#rejected(packet.word, packet.message);
        break;
    }
  }

  /** A server asks once for each of the methods set, in ascending order (spec 4.2). */
  #respond(method: number): void {
    const payload = this.#offers.get(method);
    if (!payload || method <= (this.#asked.at(-1) ?? 0)) {
      throw new LektError(
        "LEKT_PROTOCOL",
        `The server broke the protocol: it asked for ${describeMethod(method)} out of order or though it was not offered.`,
      );
    }
    this.#asked.push(method);
    this.#send(encodeResponse(method, payload));
  }

  #ready(nowMs: number): void {
    const hold = this.#asked.includes(METHOD.hold) ? this.#offers.get(METHOD.hold) : undefined;
    this.#holdMs = hold ? (decodeHold(hold) as number) : 0;
    // What is resumed begins with a word and ends with one: a reply that was late must not be taken for an empty one.
    this.#endsSeen = this.#asked.includes(METHOD.resume);
    this.#events.push({ type: "ready", version: this.#version as Version, asked: [...this.#asked] });
    this.#heartbeat(nowMs);
  }

  /** When the next heartbeat or update may be sent: both draw on one allowance (spec 5.14). */
  get #allowedMs(): number {
    return this.#nextHeartbeatMs - (HEARTBEAT_BURST - 1) * HEARTBEAT_SPACING_MS;
  }

  #charge(nowMs: number): void {
    this.#nextHeartbeatMs = Math.max(this.#nextHeartbeatMs, nowMs) + HEARTBEAT_SPACING_MS;
  }

  #sendUpdates(nowMs: number): void {
    for (const [method, payload] of this.#unsentUpdates) {
      if (nowMs < this.#allowedMs) return;
      this.#unsentUpdates.delete(method);
      this.#charge(nowMs);
      this.#send(encodeResponse(method, payload));
    }
  }

  #heartbeat(nowMs: number): void {
    this.#heartbeatMs = nowMs;
    this.#charge(nowMs);
    this.#replyOutstanding = true;
    this.#replyHasNews = false;
    this.#awaitReply(nowMs);
    this.#send(encodeHeartbeat(BigInt(this.#options.unixSeconds())));
  }

  /** The first roster has at least this client in it, unless it watches. */
  get #lacksFirstRoster(): boolean {
    return this.#replies === 0 && !this.#replyHasNews && !this.#asked.includes(METHOD.watch);
  }

  /** How long may pass without a byte, until the server counts as silent (spec 5.15) or the reply as whole (spec 5.18). */
  #awaitReply(nowMs: number): void {
    const isUnfinished = this.#endsSeen || this.#decoder.insidePacket;
    this.#waitUntilMs = nowMs + (isUnfinished ? SILENT_INTERVALS : 1) * this.#intervalMs + this.#holdMs;
  }

  #endOfReply(nowMs: number): void {
    this.#startKnown = true;
    if (this.#replyToken || this.#view.isTouched) this.#view.resumeToken = this.#replyToken;
    this.#replyToken = undefined;
    const changes = this.#view.commit(nowMs);
    const hadNews = this.#replyHasNews;
    this.#replyOutstanding = false;
    this.#replyHasNews = false;
    this.#events.push({ type: "reply", changes, first: this.#replies++ === 0 });
    this.#waitUntilMs = this.#nextHeartbeatDueMs(nowMs, hadNews);
    if (this.#waitUntilMs <= nowMs) this.#heartbeat(nowMs);
  }

  #nextHeartbeatDueMs(nowMs: number, hadNews: boolean): number {
    const allowedMs = this.#allowedMs;
    if (this.#holdMs === 0) return Math.max(nowMs, allowedMs, this.#heartbeatMs + this.#intervalMs);
    const tooEarly = !hadNews && nowMs - this.#heartbeatMs < this.#holdMs / 2;
    return Math.max(nowMs, allowedMs, tooEarly ? this.#heartbeatMs + EMPTY_REPLY_SPACING_MS : 0);
  }

  /** Words of the server to this client (spec 5.13); unknown ones are ignored. */
  #wordFromServer(object: ClientObject): void {
    const gone = payloadOf(object, METHOD.session);
    if (gone) {
      this.#startKnown = true;
      this.#view.gone(gone);
    }
    const token = payloadOf(object, METHOD.resume);
    if (token) this.#resumeWord(token);
    const payload = payloadOf(object, METHOD.server);
    const info = payload && decodeServerInfo(payload);
    if (!info) return;
    if (info.heartbeatSeconds !== undefined) this.#intervalMs = info.heartbeatSeconds * 1_000;
    this.#events.push({ type: "server", info });
  }

  /** The first one says where the first reply starts, later ones where the reply they stand in ends (spec 5.19). */
  #resumeWord(token: Uint8Array): void {
    if (this.#startKnown) this.#replyToken = token;
    else if (token.length > 0 && this.#resumeToken && equalBytes(token, this.#resumeToken))
      this.#view.resume();
    this.#startKnown = true;
  }

  #rejected(word: RejectWord | "unknown", message: string): void {
    const text = word === "unknown" ? message : message.slice(word.length + 2);
    const error = new LektError(rejectErrorCode(word), `The server refused: ${safeText(message)}`);
    this.#end(error, { word, text });
  }

  #end(error: LektError, reject?: { word: RejectWord | "unknown"; text: string }): void {
    this.#ended = true;
    this.#unsentUpdates.clear();
    this.#waitUntilMs = Number.POSITIVE_INFINITY;
    this.#events.push({ type: "ended", error, ...reject });
  }

  #send(bytes: Uint8Array): void {
    this.#events.push({ type: "send", bytes });
  }
}
