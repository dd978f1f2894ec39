import {
  type ClientPacket,
  ClientPacketDecoder,
  type ClientSession,
  type ClientSessionEvent,
  type ClientSessionOptions,
  LektError,
  METHOD,
  RosterView,
  toHex,
} from "@lekt/protocol";
import { ByteDealer } from "../engine/fuzz-input.ts";
import { check, type Note } from "../engine/fuzz-target.ts";
import { multisetText } from "../models/equality.ts";
import { NaiveClientSession } from "../models/naive-client-session.ts";
import { NaiveRoster } from "../models/naive-roster.ts";
import { ReportedRoster } from "../models/reported-roster.ts";
import { OFFERS } from "./offers.ts";

export type MakeClientSession = (options: ClientSessionOptions, nowMs: number) => ClientSession;

const STEPS_MS = [
  0, 1, 55, 100, 999, 1_000, 5_000, 9_999, 10_000, 12_500, 30_000, 35_000, 55_000, 1e6, 1e12, 0.25,
];
const SOMEBODY = new Uint8Array(32).fill(9);
const PAYLOADS = [new Uint8Array(0), Uint8Array.of(1), new Uint8Array(200)];
/** What a server takes at the most (spec 5.14). */
const SPACING_MS = 50;
const BURST = 40;

/** Sessions one after the other with one roster, their model, and who drives them. */
export class ClientSessionRun {
  readonly #make: MakeClientSession;
  readonly #dealer: ByteDealer;
  readonly #note: Note;
  readonly #offers: ReadonlyMap<number, Uint8Array>;
  readonly #maxPeers: number;
  readonly #view: RosterView;
  readonly #reported = new ReportedRoster();
  readonly #roster = new NaiveRoster();
  #nowMs = 0;
  #session: ClientSession;
  #model: NaiveClientSession;
  #decoder = new ClientPacketDecoder();
  #sent: ClientPacket[] = [];
  #ended: LektError | undefined;
  #replies = 0;
  #updates = 0;
  #signals: string[] = [];
  #signalsSent = 0;
  /** When the next heartbeat would be due, were the rate used up. */
  #nextMs = 0;
  #trace = "";

  constructor(make: MakeClientSession, calls: Uint8Array, note: Note) {
    this.#make = make;
    this.#dealer = new ByteDealer(calls);
    this.#note = note;
    this.#offers = this.#dealer.pick(OFFERS);
    this.#maxPeers = this.#dealer.pick([100_000, 5]);
    this.#view = new RosterView({ maxPeers: this.#maxPeers, staleGraceMs: 1_000 });
    [this.#session, this.#model] = this.#connect();
  }

  run(pieces: readonly Uint8Array[]): void {
    this.#settle("c");
    for (const piece of pieces) {
      for (let calls = this.#dealer.below(4); calls > 0; calls--) this.#call();
      this.#receive(piece);
    }
    for (let calls = Math.min(this.#dealer.rest, 60); calls > 0; calls--) this.#call();
    this.#note(`end ${this.#ended?.code} ${this.#trace.slice(-4)}`);
  }

  #connect(): [ClientSession, NaiveClientSession] {
    const options = { offers: this.#offers, view: this.#view, unixSeconds: () => -1 };
    const session = this.#make(options, this.#nowMs);
    this.#decoder = new ClientPacketDecoder({ judge: { admitResponse: () => {} } });
    this.#sent = [];
    this.#ended = undefined;
    this.#replies = 0;
    this.#updates = 0;
    this.#signals = [];
    this.#signalsSent = 0;
    this.#nextMs = 0;
    return [session, new NaiveClientSession(this.#roster, this.#offers, this.#maxPeers)];
  }

  #receive(piece: Uint8Array): void {
    this.#session.receive(piece, this.#nowMs);
    if (!this.#ended) this.#model.receive(piece);
    this.#settle("b");
  }

  #call(): void {
    switch (this.#dealer.below(11)) {
      case 0:
      case 1:
      case 2:
        this.#nowMs += this.#dealer.pick(STEPS_MS);
        return;
      case 3:
        this.#deadline();
        return;
      case 4:
      case 5:
        if (Number.isFinite(this.#session.deadlineMs)) {
          this.#nowMs = Math.max(this.#nowMs, this.#session.deadlineMs);
        }
        this.#deadline();
        return;
      case 6: {
        this.#session.disconnected();
        this.#model.disconnected();
        this.#settle("x");
        return;
      }
      case 7:
        if (!this.#ended) return;
        [this.#session, this.#model] = this.#connect();
        this.#settle("c");
        return;
      case 8: {
        const method = this.#dealer.below(70);
        const payload = this.#dealer.pick(PAYLOADS);
        const isTaken = this.#session.update(method, payload, this.#nowMs);
        check(
          isTaken === this.#model.takesUpdateOf(method),
          "an update is taken or not, unlike it should be",
        );
        if (isTaken) this.#updates++;
        this.#settle("u");
        return;
      }
      case 10: {
        const isSent = this.#session.signal(SOMEBODY, Uint8Array.of(1));
        check(isSent === this.#model.takesSignals, "a signal is sent or not, unlike it should be");
        if (isSent) this.#signalsSent++;
        this.#settle("i");
        return;
      }
      default:
        // Only while connected: else nobody can know who is back.
        if (this.#model.isReady) this.#reported.apply(this.#view.expire(this.#nowMs));
        this.#settle("e");
    }
  }

  #deadline(): void {
    const { deadlineMs } = this.#session;
    const isDue = this.#nowMs >= deadlineMs;
    const replies = this.#replies;
    this.#session.onDeadline(this.#nowMs);
    const isForced = this.#session.deadlineMs !== deadlineMs && isDue;
    for (const event of this.#session.takeEvents()) {
      // It takes what came for a whole reply (spec 5.18).
      if (event.type === "reply") this.#model.forceEnd();
      this.#take(event);
    }
    if (isDue && this.#replies === replies && this.#ended?.code === "LEKT_TIMEOUT") this.#model.timedOut();
    check(!isDue || isForced, "a deadline that brings nothing about");
    check(!isDue || this.#session.deadlineMs > this.#nowMs, "a deadline leads to a deadline at once");
    this.#settle("d");
  }

  #settle(step: string): void {
    for (const event of this.#session.takeEvents()) this.#take(event);
    check(this.#session.takeEvents().length === 0, "events are given twice");
    this.#trace += step;
    const { deadlineMs } = this.#session;
    check(!Number.isNaN(deadlineMs), "the deadline is no number");
    check(
      (deadlineMs === Number.POSITIVE_INFINITY) === (this.#ended !== undefined),
      `the deadline is ${deadlineMs}`,
    );
    check(
      this.#ended?.code === this.#model.code,
      `ended with ${this.#ended?.code}, not with ${this.#model.code}`,
    );
    this.#checkSent();
    check(`${this.#signals}` === `${this.#model.signals}`, "other signals came");
    if (this.#roster.isUnspecified) return;
    const present = [...this.#view.entries()].filter(({ stale }) => !stale);
    check(this.#view.size === present.length, "the size of the view is not that of its entries");
    const contents = present.map(({ object }) => object);
    check(
      multisetText(contents.map(this.#model.contentOf)) === multisetText(this.#roster.contents),
      "another roster",
    );
    this.#reported.compare(this.#view);
  }

  #take(event: ClientSessionEvent): void {
    check(this.#ended === undefined, `an event after the end: ${event.type}`);
    this.#trace += event.type.charAt(0);
    switch (event.type) {
      case "send":
        this.#read(event.bytes);
        return;
      case "reply":
        check(event.first === (this.#replies === 0), "the first reply is told wrongly");
        this.#replies++;
        this.#reported.apply(event.changes);
        return;
      case "ended":
        check(event.error instanceof LektError, "ended with another error");
        check(!/[\p{Cc}\p{Cf}\p{Cs}]/u.test(event.error.message), "a message with unsafe characters");
        this.#ended = event.error;
        this.#note(`${event.error.code} ${event.word}`);
        return;
      case "ready":
        check(`${event.asked}` === `${this.#model.asked}`, "other methods were asked for");
        return;
      case "signal":
        this.#signals.push(`${toHex(event.from)} ${toHex(event.payload)}`);
        return;
      case "server":
        return;
    }
  }

  /** Everything that the client sends keeps the rules of a server's decoder. */
  #read(bytes: Uint8Array): void {
    this.#decoder.push(bytes);
    for (let packet = this.#decoder.next(); packet; packet = this.#decoder.next()) {
      this.#sent.push(packet);
      if (packet.type === "handshake") this.#decoder.phase = "heartbeat";
      if (packet.type !== "heartbeat") continue;
      this.#nextMs = Math.max(this.#nextMs, this.#nowMs) + SPACING_MS;
      check(this.#nextMs - this.#nowMs <= BURST * SPACING_MS, "more heartbeats than a server takes");
    }
    check(this.#decoder.buffered === 0, "a packet is sent in part");
  }

  /** Handshake, answers as asked, then heartbeats: never one while a reply is outstanding (spec 5.14). */
  #checkSent(): void {
    const [handshake, ...others] = this.#sent;
    check(handshake?.type === "handshake", "the first packet is no handshake");
    check(
      `${handshake.methods}` === `${[...this.#offers.keys()].sort((a, b) => a - b)}`,
      "another handshake",
    );
    const responses = others.flatMap((packet) => (packet.type === "response" ? [packet] : []));
    const signals = others.filter(({ type }) => type === "signal").length;
    check(signals === this.#signalsSent, "another number of signals");
    const heartbeats = others.length - responses.length - signals;
    // What is replaced too fast waits, and only the latest is sent.
    const updates = responses.length - this.#model.asked.length;
    check(updates >= Math.min(1, this.#updates) && updates <= this.#updates, "another number of answers");
    for (const [i, asked] of this.#model.asked.entries()) {
      check(responses[i]?.method === asked && others[i] === responses[i], "an answer out of turn");
      if (asked === METHOD.resume) this.#checkToken(responses[i]?.payload ?? new Uint8Array(0));
    }
    check(this.#model.isReady || heartbeats === 0, "a heartbeat before the setup is over");
    check(heartbeats <= this.#replies + 1, "a heartbeat while a reply is outstanding");
  }

  /** A client resumes only from the roster that it has (spec 5.19). */
  #checkToken(token: Uint8Array): void {
    if (this.#roster.isUnspecified || token.length === 0) return;
    check(this.#model.isTokenOf(token), "a token is sent that does not belong to the roster");
  }
}
