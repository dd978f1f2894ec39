import {
  equalBytes,
  type Introduction,
  METHOD,
  parseIpv6,
  REJECT_LINGER_MS,
  REJECT_WORDS,
  type RosterAddress,
  type ServerPacket,
  ServerPacketDecoder,
  type ServerSession,
  type ServerSessionEffect,
  type ServerSessionOptions,
  toHex,
} from "@lekt/protocol";
import { ByteDealer } from "../engine/fuzz-input.ts";
import { check, type Note } from "../engine/fuzz-target.ts";
import { NaiveServerSession } from "../models/naive-server-session.ts";
import { checkIntroduction, checkObject } from "./introduction-check.ts";

export type MakeServerSession = (
  options: ServerSessionOptions,
  address: RosterAddress,
  isProtected: boolean,
  nowMs: number,
) => ServerSession;

/** The first byte of `calls`: what holds for the whole run. */
export const SERVER_RUN = { admits: 1, replies: 2, isProtected: 4, hasIpv6: 8 } as const;

const SETUP_MS = 10_000;
const SILENCE_MS = 30_000;
const STEPS_MS = [0, 1, 10, 49, 50, 51, 1_000, 9_999, 10_000, 24_999, 25_000, 29_999, 30_000, 1e6, 1e12, 0.5];
const TEXTS = [
  "",
  "gone",
  "x".repeat(1_100),
  "é".repeat(600),
  "a\0b",
  "\u{1f600}".repeat(400),
  "\ud83d",
  "a: b",
];
/** What the server's own texts are made of. Payloads of the seeds have other characters in them. */
const OWN_TEXT = /^[A-Za-z0-9 ,.():'-]*$/;
const NO_BYTES = new Uint8Array(0);
const IPV6 = parseIpv6("2001:db8::7");

/** A session, its model, and who drives both. */
export class ServerSessionRun {
  readonly #session: ServerSession;
  readonly #model: NaiveServerSession;
  readonly #dealer: ByteDealer;
  readonly #note: Note;
  readonly #mode: number;
  readonly #address: RosterAddress;
  readonly #decoder = new ServerPacketDecoder();
  readonly #packets: ServerPacket[] = [];
  readonly #seen: Record<ServerSessionEffect["type"], number> = {
    send: 0,
    introduced: 0,
    circuit: 0,
    updated: 0,
    signal: 0,
    rejected: 0,
  };
  #nowMs = 0;
  #replied = 0;
  #rejectedMs: number | undefined;
  /** Of the driver's own making. */
  #givenReject: string | undefined;
  #trace = "";

  constructor(make: MakeServerSession, calls: Uint8Array, note: Note) {
    this.#dealer = new ByteDealer(calls);
    this.#note = note;
    this.#mode = this.#dealer.byte();
    this.#address = this.#is("hasIpv6") && IPV6 ? { ip: 0xf8cf_350e, ipv6: IPV6 } : { ip: 0xcb00_7107 };
    this.#session = make({}, this.#address, this.#is("isProtected"), this.#nowMs);
    this.#model = new NaiveServerSession(this.#is("isProtected"));
    this.#checkState();
  }

  run(pieces: readonly Uint8Array[]): void {
    for (const piece of pieces) {
      for (let calls = this.#dealer.below(4); calls > 0; calls--) this.#call();
      this.#receive(piece);
      if (this.#is("admits")) this.#admit();
      while (this.#is("replies") && this.#session.pendingReplies > 0) this.#reply();
    }
    for (let calls = Math.min(this.#dealer.rest, 40); calls > 0; calls--) this.#call();
    this.#note(`end ${this.#session.phase} ${this.#trace.slice(-3)}`);
  }

  #is(flag: keyof typeof SERVER_RUN): boolean {
    return (this.#mode & SERVER_RUN[flag]) !== 0;
  }

  #receive(piece: Uint8Array): void {
    this.#session.receive(piece, this.#nowMs);
    if (this.#rejectedMs === undefined) this.#model.receive(piece, this.#nowMs);
    this.#settle("b");
    const word = this.#model.word;
    if (word !== undefined) check(this.#rejectedMs !== undefined, `not refused though ${word}`);
  }

  #call(): void {
    switch (this.#dealer.below(9)) {
      case 0:
      case 1:
        this.#nowMs += this.#dealer.pick(STEPS_MS);
        return;
      case 2:
        this.#deadline();
        return;
      case 3:
        this.#nowMs = Math.max(this.#nowMs, this.#session.deadlineMs);
        this.#deadline();
        return;
      case 4:
        this.#admit();
        return;
      case 5: {
        const word = this.#dealer.pick(REJECT_WORDS);
        const text = this.#dealer.pick(TEXTS);
        this.#givenReject ??= this.#rejectedMs === undefined ? `${word}: ${text}` : undefined;
        this.#session.reject(word, text, this.#nowMs);
        this.#settle("x");
        return;
      }
      case 6:
        this.#askReplyDue(this.#dealer.below(2) === 1);
        return;
      case 7: {
        const { pendingReplies } = this.#session;
        this.#session.replied(this.#nowMs, this.#dealer.below(2) === 1);
        if (pendingReplies > 0) this.#replied++;
        this.#settle("r");
        return;
      }
      default:
        this.#reply();
    }
  }

  #admit(): void {
    const { phase } = this.#session;
    this.#session.admit(this.#nowMs);
    if (phase === "admission") this.#model.isAdmitted = true;
    this.#settle("a");
  }

  #reply(): void {
    if (this.#session.pendingReplies === 0) return;
    this.#session.replied(this.#nowMs, true);
    this.#replied++;
    this.#settle("r");
  }

  #deadline(): void {
    const { phase, pendingReplies, deadlineMs } = this.#session;
    const isDue = phase !== "rejected" && pendingReplies === 0 && this.#nowMs >= deadlineMs;
    this.#session.onDeadline(this.#nowMs);
    check(
      (this.#session.phase === "rejected") === (isDue || phase === "rejected"),
      "a deadline too early or late",
    );
    if (isDue) this.#givenReject = "timeout";
    this.#settle("d");
  }

  #askReplyDue(hasNews: boolean): void {
    const { pendingReplies } = this.#session;
    const isDue = this.#session.replyDue(this.#nowMs, hasNews);
    this.#settle(isDue ? "t" : "f");
    if (pendingReplies === 0) check(!isDue, "a reply is due though none is pending");
    else if (!isDue) {
      const { deadlineMs } = this.#session;
      check(
        deadlineMs > this.#nowMs && deadlineMs <= this.#nowMs + 25_000,
        "a held reply has an odd deadline",
      );
      check(pendingReplies === 1, "a reply is held though a further heartbeat came");
      check(this.#session.replyDue(deadlineMs, hasNews), "a held reply is not due at its deadline");
    }
  }

  /** Takes the effects and holds everything against the model. */
  #settle(step: string): void {
    for (const effect of this.#session.takeEffects()) {
      check(this.#seen.rejected === 0, `an effect after the Reject: ${effect.type}`);
      this.#seen[effect.type]++;
      this.#take(effect);
      this.#trace += effect.type.charAt(0);
    }
    check(this.#session.takeEffects().length === 0, "effects are given twice");
    this.#trace += step;
    this.#checkState();
  }

  #take(effect: ServerSessionEffect): void {
    switch (effect.type) {
      case "send":
        this.#read(effect.bytes);
        return;
      case "introduced":
        this.#introduced(effect.introduction);
        return;
      case "circuit":
        check(equalBytes(effect.token, this.#model.circuit ?? NO_BYTES), "a circuit with another token");
        return;
      case "updated":
        check(this.#model.isAdmitted, "updated before the heartbeat phase");
        // Of several in one piece the last one is the model's state.
        checkObject(
          effect.object,
          this.#address,
          this.#seen.updated === this.#model.updates ? this.#model.answers : undefined,
        );
        return;
      case "signal":
        check(this.#model.isAdmitted, "a signal before the heartbeat phase");
        check(effect.to.length === 32 && effect.payload.length > 0, "a signal of another form");
        return;
      case "rejected":
        this.#rejected(effect.word, effect.text, effect.bytes);
        return;
    }
  }

  #introduced(introduction: Introduction): void {
    check(this.#seen.introduced === 1, "introduced twice");
    check(this.#model.isIntroduced, "introduced before all answers came");
    checkIntroduction(introduction, this.#model.answers, this.#address);
  }

  #rejected(word: string, text: string, bytes: Uint8Array): void {
    this.#rejectedMs = this.#nowMs;
    this.#read(bytes);
    const last = this.#packets.at(-1);
    check(last?.type === "reject" && last.word === word, "the last packet is no Reject of that word");
    check(bytes.length <= 8 + 1_024, `the Reject has ${bytes.length} bytes`);
    const given = this.#givenReject;
    if (given === undefined) {
      check(OWN_TEXT.test(text) && text.length < 200, `the text of a Reject has strange characters: ${text}`);
      this.#note(`${word} ${text.replace(/\d+/g, "")}`);
    } else if (given !== "timeout") {
      const cleaned = given.replaceAll("\0", " ").replace(/\ud83d(?!\ude00)/g, "\ufffd");
      check(cleaned.startsWith(last.message), "the Reject tells another text");
      check(last.message === cleaned || bytes.length > 1_000, "the Reject is cut too short");
    }
  }

  #read(bytes: Uint8Array): void {
    this.#decoder.push(bytes);
    for (let packet = this.#decoder.next(); packet; packet = this.#decoder.next()) this.#packets.push(packet);
    check(!this.#decoder.insidePacket, "a packet is sent in part");
  }

  #checkState(): void {
    const { phase, deadlineMs, pendingReplies } = this.#session;
    check(Number.isFinite(deadlineMs), `the deadline is ${deadlineMs}`);
    check(pendingReplies >= 0 && Number.isInteger(pendingReplies), `${pendingReplies} replies are pending`);
    check((phase === "rejected") === (this.#rejectedMs !== undefined), `phase ${phase}`);
    if (this.#rejectedMs !== undefined) {
      check(pendingReplies === 0, "replies are pending after the Reject");
      check(deadlineMs === this.#rejectedMs + REJECT_LINGER_MS, "the time to linger is another one");
      const { word } = this.#model;
      if (this.#givenReject !== undefined) return;
      check(word !== undefined, "refused though no rule is broken");
      const said = this.#packets.at(-1);
      check(said?.type === "reject" && said.word === word, `refused with another word than ${word}`);
      return;
    }
    if (phase === "handshake" || phase === "setup" || phase === "admission") {
      check(deadlineMs === SETUP_MS, "the deadline of the setup has moved");
    } else if (pendingReplies === 0) {
      check(deadlineMs <= this.#nowMs + SILENCE_MS, "the deadline of silence is too far away");
    }
    if (this.#model.word !== undefined) return;
    this.#checkConversation();
  }

  /** Signals reach who set them, under the identity shown last; the server's own is nobody's. */
  #checkSignalIdentity(): void {
    const { asked, answers, isIntroduced } = this.#model;
    const shown = asked?.includes(METHOD.signal) && isIntroduced ? answers.get(METHOD.identity) : undefined;
    const expected = shown?.some((byte) => byte !== 0) ? toHex(shown) : undefined;
    const { signalIdentity } = this.#session;
    check((signalIdentity && toHex(signalIdentity)) === expected, "signals go to another identity");
  }

  /** What was sent, and counts, as the model has them. Only where both have read the same. */
  #checkConversation(): void {
    const { asked, isAdmitted, isIntroduced, heartbeats, updates, signals } = this.#model;
    if ((asked !== undefined) !== (this.#session.phase !== "handshake")) return;
    check(
      this.#session.pendingReplies === heartbeats - this.#replied,
      "another number of replies is pending",
    );
    check(this.#seen.updated === updates, "another number of updates");
    check(this.#seen.signal === signals, "another number of signals");
    this.#checkSignalIdentity();
    check(this.#seen.introduced === (isIntroduced ? 1 : 0), "introduced at another time");
    if (asked === undefined) {
      check(this.#packets.length === 0, "something is sent before the handshake");
      return;
    }
    const sent = this.#packets.map((packet) => (packet.type === "request" ? packet.method : packet.type));
    check(`${sent}` === `${["accept", ...asked, ...(isAdmitted ? [0] : [])]}`, `sent other packets: ${sent}`);
  }
}
