import { concatBytes, equalBytes } from "./bytes.ts";
import { type ClientPacket, ClientPacketDecoder, type ResponseJudge } from "./client-packet-decoder.ts";
import { ProtocolError } from "./errors.ts";
import type { RosterAddress } from "./ip.ts";
import {
  HEARTBEAT_BURST,
  HEARTBEAT_INTERVAL_MS,
  HEARTBEAT_SPACING_MS,
  MAX_KNOWN_METHODS,
  MAX_PAYLOAD_BYTES,
  MAX_PUBLISHED_BYTES,
  MAX_TOTAL_PAYLOAD_BYTES,
  NEWS_BURST,
  NEWS_SPACING_MS,
  REJECT_LINGER_MS,
  SETUP_TIMEOUT_MS,
  SIGNAL_BURST,
  SIGNAL_FLOOD_FACTOR,
  SIGNAL_SPACING_MS,
  SILENT_INTERVALS,
} from "./limits.ts";
import {
  describeMethod,
  isAskedFor,
  isPublished,
  METHOD,
  methodDefinition,
  setsSignals,
} from "./method-list.ts";
import { encodeAccept } from "./packets/accept.ts";
import { encodeClientObject, type MethodInfo } from "./packets/client-object.ts";
import { encodeReject } from "./packets/reject.ts";
import { encodeRequest } from "./packets/request.ts";
import { SERVER_IDENTITY } from "./packets/signal.ts";
import { decodeHold } from "./payloads/hold.ts";
import type { RejectWord } from "./reject-words.ts";
import { decodeUtf8 } from "./utf8.ts";

/** What all sessions of a server have in common; numbers are those of `spec/limits.md`. */
export interface ServerSessionOptions {
  readonly maxKnownMethods?: number;
  readonly maxPayloadBytes?: number;
  readonly maxTotalPayloadBytes?: number;
  readonly maxPublishedBytes?: number;
  readonly heartbeatIntervalMs?: number;
  readonly setupTimeoutMs?: number;
  /** Heartbeats a second on average; 0: no limit. Default 20 (spec 5.14). */
  readonly heartbeatsPerSecond?: number;
  /** Signals a second on average; 0: no limit. Default 50 (spec 8.1.5). */
  readonly signalsPerSecond?: number;
  /** Gives the memory of client objects. */
  readonly allocate?: (bytes: number) => Uint8Array;
}

/** Who a client says it is: what it answered in the setup. */
export interface Introduction {
  /** undefined: the default network. */
  readonly network: string | undefined;
  readonly token: Uint8Array | undefined;
  readonly identity: Uint8Array | undefined;
  readonly name: string | undefined;
  /** It sees the roster and is not in it. */
  readonly watch: boolean;
  /** It asked for the server object (spec 5.13). */
  readonly wantsServerInfo: boolean;
  /** It asked for sessions in client objects (spec 5.8). */
  readonly wantsSessions: boolean;
  /** The token to resume with (spec 5.19), empty where there is nothing to resume; undefined: it did not ask. */
  readonly resumeToken: Uint8Array | undefined;
  /** Its IPv4 address or pseudo address (spec 5.12). */
  readonly ip: number;
  /** The encoded client object, with its size field. */
  readonly object: Uint8Array;
}

/** What the driver has to do for a session. */
export type ServerSessionEffect =
  | { readonly type: "send"; readonly bytes: Uint8Array }
  /** Setup is over for the client's part: `admit` or `reject` it. */
  | { readonly type: "introduced"; readonly introduction: Introduction }
  /** It asks for a circuit (spec 8.2): from now on the connection is a relay's, or to be rejected. */
  | { readonly type: "circuit"; readonly token: Uint8Array; readonly early: Uint8Array }
  /** It replaced a payload (spec 4.10): `object` is its client object from now on. */
  | { readonly type: "updated"; readonly object: Uint8Array }
  /** Pass this on to who has the identity `to`, where `maySignal` allows it (spec 8.1). */
  | { readonly type: "signal"; readonly to: Uint8Array; readonly payload: Uint8Array }
  /** Send these last bytes, shut down the writing side, read on and throw away until `deadlineMs` (spec 6.5). */
  | {
      readonly type: "rejected";
      readonly word: RejectWord;
      readonly text: string;
      readonly bytes: Uint8Array;
    };

export type ServerSessionPhase = "handshake" | "setup" | "admission" | "heartbeat" | "circuit" | "rejected";

/** What is asked and answered so far. */
interface Setup {
  readonly asked: readonly number[];
  readonly answers: MethodInfo[];
  totalBytes: number;
  publishedBytes: number;
}

/** The clock has fractions, and their sums are not exact. */
const CLOCK_TOLERANCE_MS = 0.001;
const NO_EFFECTS: readonly ServerSessionEffect[] = [];

/**
 * One client's session on the server: bytes and the time in, effects and the next deadline out. It
 * knows the rules of the conversation and nothing of rosters; who drives it answers its heartbeats.
 */
export class ServerSession implements ResponseJudge {
  phase: ServerSessionPhase = "handshake";
  /** When `onDeadline` is due. It may move in both directions at any call. */
  deadlineMs: number;
  /** Heartbeats that have no reply yet. */
  pendingReplies = 0;
  /** Where signals for it go to; undefined where it takes none. A replaced payload may change it (spec 4.10). */
  signalIdentity: Uint8Array | undefined;

  /** The client's, as the server sees it. */
  readonly address: RosterAddress;

  readonly #options: ServerSessionOptions;
  readonly #protected: boolean;
  readonly #silenceMs: number;
  readonly #decoder: ClientPacketDecoder;
  /** undefined where there is nothing to do, which is nearly always. */
  #effects: ServerSessionEffect[] | undefined;
  #setup: Setup | undefined;
  /** What it published, where it may replace it (spec 4.10). */
  #updatable: MethodInfo[] | undefined;
  #holdMs = 0;
  /** When the last heartbeat came: a hold counts from there (spec 5.17). */
  #heartbeatMs = 0;
  /** Theoretical arrival times of the leaky buckets (GCRA): heartbeats in, news out, signals in. */
  #nextHeartbeatMs = 0;
  #nextNewsMs = 0;
  #nextSignalMs = 0;
  /** The same for all signals, those included that come back. */
  #nextFloodMs = 0;

  /**
   * @param isProtected whether the connection is TLS or from a loopback address: only then a token is
   * asked for (spec/methods.md).
   */
  constructor(options: ServerSessionOptions, address: RosterAddress, isProtected: boolean, nowMs: number) {
    this.#options = options;
    this.address = address;
    this.#protected = isProtected;
    this.#silenceMs = SILENT_INTERVALS * (options.heartbeatIntervalMs ?? HEARTBEAT_INTERVAL_MS);
    this.deadlineMs = nowMs + (options.setupTimeoutMs ?? SETUP_TIMEOUT_MS);
    this.#decoder = new ClientPacketDecoder({
      maxKnownMethods: options.maxKnownMethods ?? MAX_KNOWN_METHODS,
      judge: this,
    });
  }

  /** What is to be done since the last call. */
  takeEffects(): readonly ServerSessionEffect[] {
    const effects = this.#effects ?? NO_EFFECTS;
    this.#effects = undefined;
    return effects;
  }

  /**
   * Bytes that came from the client.
   * @param latenessMs by how much the server itself was late of late; not charged to the client (spec 5.14).
   */
  receive(bytes: Uint8Array, nowMs: number, latenessMs = 0): void {
    if (this.phase === "rejected" || this.phase === "circuit") return;
    try {
      this.#decoder.push(bytes);
      for (;;) {
        if (this.#decoder.takeHeartbeat()) {
          this.#heartbeat(nowMs, latenessMs);
          continue;
        }
        const packet = this.#decoder.next();
        if (!packet) {
          this.#decoder.trim();
          return;
        }
        this.#receivePacket(packet, nowMs, latenessMs);
      }
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.reject(error.word, error.message, nowMs);
    }
  }

  /** The client may stay: to be called once after `introduced`. The heartbeat phase begins. */
  admit(nowMs: number): void {
    if (this.phase !== "admission") return;
    this.phase = "heartbeat";
    this.#decoder.phase = "heartbeat";
    this.deadlineMs = nowMs + this.#silenceMs;
    this.#do({ type: "send", bytes: encodeRequest(0) });
  }

  /** Ends the session with a Reject. @param text for people, without raw input (spec 6.1). */
  reject(word: RejectWord, text: string, nowMs: number): void {
    if (this.phase === "rejected") return;
    this.phase = "rejected";
    this.pendingReplies = 0;
    this.deadlineMs = nowMs + REJECT_LINGER_MS;
    this.#do({ type: "rejected", word, text, bytes: encodeReject(word, text) });
  }

  /** `deadlineMs` has come. Where a reply is held or paced, ask `replyDue` again. */
  onDeadline(nowMs: number): void {
    if (nowMs < this.deadlineMs || this.pendingReplies > 0) return;
    switch (this.phase) {
      case "handshake":
      case "setup":
      case "admission":
      case "circuit":
        this.reject("timeout", "handshake and setup took too long", nowMs);
        break;
      case "heartbeat":
        this.reject("timeout", `no heartbeat for ${SILENT_INTERVALS} intervals`, nowMs);
        break;
      case "rejected":
        break;
    }
  }

  /**
   * Whether the oldest pending reply goes out now. Where not (nothing changed and the client holds, or
   * news came too often), `deadlineMs` says when to ask again (spec 5.17).
   */
  replyDue(nowMs: number, hasNews: boolean): boolean {
    if (this.pendingReplies === 0) return false;
    if (this.#holdMs === 0 || this.pendingReplies > 1) return true;
    if (hasNews) {
      const allowedMs = this.#nextNewsMs - (NEWS_BURST - 1) * NEWS_SPACING_MS;
      if (nowMs >= allowedMs) return true;
      this.deadlineMs = allowedMs;
      return false;
    }
    const heldUntilMs = this.#heartbeatMs + this.#holdMs;
    if (nowMs >= heldUntilMs) return true;
    this.deadlineMs = heldUntilMs;
    return false;
  }

  /** A reply was written whole. */
  replied(nowMs: number, hadNews: boolean): void {
    // The session may have ended while the reply was being written.
    if (this.pendingReplies === 0) return;
    this.pendingReplies--;
    if (hadNews) this.#nextNewsMs = Math.max(this.#nextNewsMs, nowMs) + NEWS_SPACING_MS;
    this.deadlineMs = nowMs + this.#silenceMs;
  }

  /** Whether its next signal is passed on, or comes too soon (spec 8.1.5). */
  maySignal(nowMs: number): boolean {
    return this.#nextSignalMs - nowMs <= (SIGNAL_BURST - 1) * this.#signalSpacingMs + CLOCK_TOLERANCE_MS;
  }

  /** Its signal was passed on. @param copies to so many clients: each of them counts. */
  signalled(nowMs: number, copies: number): void {
    const spentMs = Math.max(1, copies) * this.#signalSpacingMs;
    this.#nextSignalMs = Math.max(this.#nextSignalMs, nowMs) + spentMs;
  }

  get #signalSpacingMs(): number {
    const { signalsPerSecond = 1_000 / SIGNAL_SPACING_MS } = this.#options;
    return signalsPerSecond === 0 ? 0 : 1_000 / signalsPerSecond;
  }

  #receivePacket(packet: ClientPacket, nowMs: number, latenessMs: number): void {
    switch (packet.type) {
      case "handshake":
        this.#handshake(packet.methods);
        break;
      case "circuit":
        this.phase = "circuit";
        this.#do({ type: "circuit", token: packet.token, early: this.#decoder.takeRest() });
        break;
      case "response":
        if (this.phase === "setup") this.#response({ index: packet.method, payload: packet.payload });
        // A stray answer for index 0 is ignored, but counted (spec 4.8).
        else if (packet.method === 0) this.#charge(nowMs, latenessMs);
        else this.#update({ index: packet.method, payload: packet.payload }, nowMs, latenessMs);
        break;
      case "heartbeat":
        this.#heartbeat(nowMs, latenessMs);
        break;
      case "signal":
        this.#chargeSignal(nowMs, latenessMs);
        this.#do({ type: "signal", to: packet.identity, payload: packet.payload });
        break;
    }
  }

  #heartbeat(nowMs: number, latenessMs: number): void {
    this.#charge(nowMs, latenessMs);
    this.pendingReplies++;
    this.#heartbeatMs = nowMs;
    if (this.pendingReplies === 1) this.deadlineMs = nowMs + this.#silenceMs;
  }

  #handshake(methods: readonly number[]): void {
    this.phase = "setup";
    const asked = methods.filter((method) => this.#asks(method, methods));
    this.#setup = { asked, answers: [], totalBytes: 0, publishedBytes: 0 };
    this.#do({
      type: "send",
      bytes: concatBytes([encodeAccept(), ...asked.map((m) => encodeRequest(m))]),
    });
    if (asked.length === 0) this.#introduce();
  }

  #asks(method: number, methods: readonly number[]): boolean {
    if (method === METHOD.token) return this.#protected;
    if (method === METHOD.signal) return setsSignals(methods);
    return isAskedFor(method);
  }

  /** The decoder's question (spec 4.5, 4.6). */
  admitResponse(method: number, length: number): void {
    const setup = this.#setup;
    const expected = setup?.asked[setup.answers.length];
    const inHeartbeats = this.phase === "heartbeat";
    const isStray = method === 0 && inHeartbeats;
    // Before the zero request it is an answer too many (spec 4.6, 4.10).
    const replaced = inHeartbeats ? this.#updatable?.find((known) => known.index === method) : undefined;
    if (method !== expected && !isStray && !replaced) {
      throw new ProtocolError(
        "malformed",
        expected === undefined
          ? "a response that was not asked for"
          : `a response for method ${method} where ${describeMethod(expected)} was asked`,
      );
    }
    const maxPayloadBytes = this.#limit("maxPayloadBytes");
    if (length > maxPayloadBytes) {
      throw new ProtocolError(
        "limit",
        `the payload of ${describeMethod(method)} is longer than ${maxPayloadBytes} bytes`,
      );
    }
    if (replaced)
      this.#checkPublishedBytes(length - replaced.payload.length + payloadBytes(this.#updatable ?? []));
    if (!setup) return;
    setup.totalBytes += length;
    if (setup.totalBytes > this.#limit("maxTotalPayloadBytes")) {
      throw new ProtocolError(
        "limit",
        `all payloads together are longer than ${this.#limit("maxTotalPayloadBytes")} bytes`,
      );
    }
    if (!isPublished(method)) return;
    setup.publishedBytes += length;
    this.#checkPublishedBytes(setup.publishedBytes);
  }

  #checkPublishedBytes(bytes: number): void {
    const maxPublishedBytes = this.#limit("maxPublishedBytes");
    if (bytes <= maxPublishedBytes) return;
    throw new ProtocolError("limit", `the published payloads are longer than ${maxPublishedBytes} bytes`);
  }

  #response(answer: MethodInfo): void {
    checkPayload(answer);
    const setup = this.#setup as Setup;
    setup.answers.push(answer);
    if (setup.answers.length === setup.asked.length) this.#introduce();
  }

  /** A response in the heartbeat phase replaces a published payload (spec 4.10). */
  #update(answer: MethodInfo, nowMs: number, latenessMs: number): void {
    this.#charge(nowMs, latenessMs);
    checkPayload(answer);
    if (answer.index === METHOD.identity) this.#showIdentity(answer.payload);
    this.#updatable = this.#updatable?.map((known) => (known.index === answer.index ? answer : known));
    this.#do({ type: "updated", object: this.#object(this.#updatable ?? []) });
  }

  #introduce(): void {
    const { answers } = this.#setup as Setup;
    this.#setup = undefined;
    this.phase = "admission";
    const payload = (index: number) => answers.find((answer) => answer.index === index)?.payload;
    const text = (index: number) => decodeUtf8(payload(index) ?? new Uint8Array(0)) || undefined;
    const hold = payload(METHOD.hold);
    this.#holdMs = hold ? (decodeHold(hold) as number) : 0;
    const published = answers.filter((answer) => isPublished(answer.index));
    if (payload(METHOD.update)) this.#updatable = published;
    this.#showIdentity(payload(METHOD.identity));
    this.#do({
      type: "introduced",
      introduction: {
        network: text(METHOD.network),
        token: payload(METHOD.token),
        identity: payload(METHOD.identity),
        name: text(METHOD.name),
        watch: payload(METHOD.watch) !== undefined,
        wantsServerInfo: payload(METHOD.server) !== undefined,
        wantsSessions: payload(METHOD.session) !== undefined,
        resumeToken: payload(METHOD.resume),
        ip: this.address.ip,
        object: this.#object(published),
      },
    });
  }

  /** Nobody is reached under the identity that stands for the server, or speaks in its name (spec 8.1.6). */
  #showIdentity(identity: Uint8Array | undefined): void {
    const isOwn = identity && !equalBytes(identity, SERVER_IDENTITY);
    this.signalIdentity = isOwn && this.#decoder.takesSignals ? identity : undefined;
  }

  /** What others get to see: what it published, and `ipv6`, which the server adds (spec 5.12). */
  #object(published: readonly MethodInfo[]): Uint8Array {
    const { ip, ipv6 } = this.address;
    const methods = ipv6 ? [...published, { index: METHOD.ipv6, payload: ipv6 }] : [...published];
    return encodeClientObject(
      { ip, methods: methods.sort((a, b) => a.index - b.index) },
      this.#options.allocate,
    );
  }

  /** Heartbeats and updates draw on one allowance (spec 5.14). */
  #charge(nowMs: number, latenessMs: number): void {
    const perSecond = this.#options.heartbeatsPerSecond ?? 1_000 / HEARTBEAT_SPACING_MS;
    if (perSecond === 0) return;
    const spacingMs = 1_000 / perSecond;
    this.#nextHeartbeatMs = Math.max(this.#nextHeartbeatMs, nowMs) + spacingMs;
    if (this.#nextHeartbeatMs - nowMs > HEARTBEAT_BURST * spacingMs + latenessMs + CLOCK_TOLERANCE_MS) {
      throw new ProtocolError("rate", `more than ${perSecond} heartbeats or updates a second`);
    }
  }

  /** What is over the rate comes back; who sends far more than that keeps the server from its work (spec 8.1.5). */
  #chargeSignal(nowMs: number, latenessMs: number): void {
    const spacingMs = this.#signalSpacingMs;
    this.#nextFloodMs = Math.max(this.#nextFloodMs, nowMs) + spacingMs / SIGNAL_FLOOD_FACTOR;
    if (this.#nextFloodMs - nowMs <= SIGNAL_BURST * spacingMs + latenessMs + CLOCK_TOLERANCE_MS) return;
    const perSecond = Math.round((SIGNAL_FLOOD_FACTOR * 1_000) / spacingMs);
    throw new ProtocolError("rate", `more than ${perSecond} signals a second`);
  }

  #do(effect: ServerSessionEffect): void {
    this.#effects ??= [];
    this.#effects.push(effect);
  }

  #limit(name: keyof typeof DEFAULT_LIMITS): number {
    return this.#options[name] ?? DEFAULT_LIMITS[name];
  }
}

function checkPayload(answer: MethodInfo): void {
  const fault = methodDefinition(answer.index)?.fault(answer.payload);
  if (fault) throw new ProtocolError("malformed", `the payload of ${describeMethod(answer.index)}: ${fault}`);
}

function payloadBytes(methods: readonly MethodInfo[]): number {
  let bytes = 0;
  for (const { payload } of methods) bytes += payload.length;
  return bytes;
}

const DEFAULT_LIMITS = {
  maxPayloadBytes: MAX_PAYLOAD_BYTES,
  maxTotalPayloadBytes: MAX_TOTAL_PAYLOAD_BYTES,
  maxPublishedBytes: MAX_PUBLISHED_BYTES,
} as const;
