import {
  type Edition,
  encodeClientObject,
  METHOD,
  PACKET_TARGET_BYTES,
  Roster,
  RosterMember,
  type RosterOptions,
} from "@lekt/protocol";
import { ByteDealer, type FuzzInput, inputOf } from "../engine/fuzz-input.ts";
import { check, type FuzzTarget, type Note } from "../engine/fuzz-target.ts";
import { multisetText } from "../models/equality.ts";
import { contentOf, type NaiveClient } from "../models/naive-roster.ts";
import { type KeptToken, RosterReader } from "./roster-reader.ts";

export type MakeRoster = (options: RosterOptions) => Roster;

/** `bytes` is a program: who comes, changes and goes, who reads, and when. */
export function rosterTarget(name: string, make: MakeRoster = (options) => new Roster(options)): FuzzTarget {
  return {
    name,
    oracle: "every reader has the truth when all is quiet, whatever token it came with; the past is bounded",
    takesSplits: false,
    takesCalls: false,
    maxBytes: 300,
    seeds,
    run: (input, note) => new RosterRun(make, input.bytes, note).run(),
  };
}

const OPERATIONS = [
  "add",
  "add",
  "change",
  "leave",
  "tick",
  "pass",
  "read",
  "part",
  "connect",
  "quiet",
  "forge",
] as const;
const STEPS_MS = [1, 5, 20, 100, 1_000, 2_500, 60_000];
const READ_BYTES = [1, 64, 1_000, 100_000];
const MAX_READERS = 6;
const HISTORIES = [
  { historyMs: 600_000, historyBytes: 1_000_000 },
  { historyMs: 3_000, historyBytes: 1_000_000 },
  { historyMs: 600_000, historyBytes: 2_000 },
];

interface Member {
  readonly member: RosterMember;
  readonly number: number;
  state: number;
  /** What it publishes now, as the models write it. */
  content: string;
}

class RosterRun {
  readonly #roster: Roster;
  readonly #dealer: ByteDealer;
  readonly #note: Note;
  readonly #history: (typeof HISTORIES)[number];
  readonly #members: Member[] = [];
  readonly #readers: RosterReader[] = [];
  /** Tokens that replies ended with. */
  readonly #tokens: KeptToken[] = [];
  /** Where in an edition's log a tick ended, the only places to go on from. */
  readonly #marks = new Map<Edition, Set<number>>();
  #nowMs = 0;
  #counter = 0;

  constructor(make: MakeRoster, program: Uint8Array, note: Note) {
    this.#dealer = new ByteDealer(program);
    this.#note = note;
    this.#history = this.#dealer.pick(HISTORIES);
    this.#roster = make({ ...this.#history, random: (bytes) => this.#unique(bytes) });
  }

  run(): void {
    while (!this.#dealer.isEmpty) this.#operate(this.#dealer.pick(OPERATIONS));
    this.#quiet();
  }

  get #unixSeconds(): number {
    return Math.floor(this.#nowMs / 1_000);
  }

  #operate(operation: (typeof OPERATIONS)[number]): void {
    const dealer = this.#dealer;
    switch (operation) {
      case "add":
        this.#add(1 + dealer.below(4));
        return;
      case "change":
        this.#change(dealer.byte());
        return;
      case "leave": {
        const [gone] = this.#members.splice(dealer.byte() % Math.max(1, this.#members.length), 1);
        if (gone) this.#roster.remove(gone.member, this.#nowMs);
        check(this.#roster.size === this.#members.length, "the roster has another size");
        return;
      }
      case "tick":
        this.#tick();
        return;
      case "pass":
        this.#nowMs += dealer.pick(STEPS_MS);
        return;
      case "read":
        this.#read(dealer.byte(), dealer.pick(READ_BYTES));
        return;
      case "part": {
        const reader = this.#readers[dealer.byte() % Math.max(1, this.#readers.length)];
        if (reader && !reader.readPart(dealer.pick(READ_BYTES))) this.#drop(reader);
        return;
      }
      case "connect":
        this.#connect(dealer.below(8));
        return;
      case "quiet":
        this.#quiet();
        return;
      case "forge":
        this.#forge();
        return;
    }
  }

  #add(ip: number): void {
    if (this.#members.length >= 40) return;
    const number = this.#counter++ % 256;
    const member = new RosterMember(ip, objectOf(ip, number, 0), this.#unique(8));
    this.#members.push({ member, number, state: 0, content: contentOf(decoded(ip, number, 0)) });
    this.#roster.add(member);
  }

  #change(which: number): void {
    const changed = this.#members[which % Math.max(1, this.#members.length)];
    if (!changed || changed.state === 255) return;
    changed.state++;
    const { member, number, state } = changed;
    changed.content = contentOf(decoded(member.ip, number, state));
    this.#roster.change(member, objectOf(member.ip, number, state), this.#nowMs);
  }

  #tick(): void {
    if (this.#roster.nextTickMs > this.#nowMs) return;
    this.#roster.tick(this.#nowMs, this.#unixSeconds);
    // Also those that nobody reads now: they go on for who may come back.
    for (const edition of this.#marks.keys()) {
      this.#mark(edition);
      // The newest block is always kept.
      const most = this.#history.historyBytes + PACKET_TARGET_BYTES;
      check(edition.log.keptBytes <= most, `the past has ${edition.log.keptBytes} bytes`);
    }
  }

  #editions(): Set<Edition> {
    return new Set(this.#readers.map(({ edition }) => edition));
  }

  #mark(edition: Edition): void {
    const marks = this.#marks.get(edition) ?? new Set();
    this.#marks.set(edition, marks.add(edition.log.end));
  }

  #read(which: number, maxBytes: number): void {
    const reader = this.#readers[which % Math.max(1, this.#readers.length)];
    if (!reader) return;
    const withToken = which % 2 === 0;
    if (!reader.finish(this.#unixSeconds, maxBytes, withToken)) {
      this.#drop(reader);
      return;
    }
    this.#note(
      `read ${reader.edition.withSessions} ${withToken} ${maxBytes} ${Math.min(3, reader.model.clients.length)}`,
    );
    if (withToken && reader.token) this.#tokens.push(reader.token);
  }

  #drop(reader: RosterReader): void {
    this.#note("fell behind");
    reader.leave(this.#nowMs);
    this.#readers.splice(this.#readers.indexOf(reader), 1);
  }

  /** A new connection in the place of an old one: with a token of its own, somebody's, an altered one, or none. */
  #connect(how: number): void {
    const dealer = this.#dealer;
    const old = this.#readers.length >= MAX_READERS ? this.#readers[0] : undefined;
    if (old) this.#drop(old);
    const withSessions = how % 2 === 1;
    const token =
      how < 2
        ? undefined
        : this.#tokens[this.#tokens.length - 1 - (dealer.byte() % Math.max(1, this.#tokens.length))];
    if (!token) {
      this.#enter(withSessions, undefined);
      return;
    }
    const bytes = new Uint8Array(token.bytes);
    if (how >= 6) bytes[dealer.below(bytes.length)] = dealer.byte();
    this.#enter(withSessions, { ...token, bytes });
  }

  #enter(withSessions: boolean, token: KeptToken | undefined): void {
    const edition = this.#roster.enter(withSessions);
    this.#mark(edition);
    const position = token && edition.positionOf(token.bytes);
    const resumed = position === undefined ? undefined : this.#pointOf(edition, position);
    this.#readers.push(new RosterReader(this.#roster, withSessions, this.#unixSeconds, resumed));
    this.#roster.exit(edition, this.#nowMs, false);
    this.#note(`connect ${withSessions} ${token !== undefined} ${resumed !== undefined}`);
  }

  /** A server that takes a token means a place at which a reply ended; then the roster of that place goes with it. */
  #pointOf(
    edition: Edition,
    position: number,
  ): { position: number; clients: readonly NaiveClient[] } | undefined {
    check(
      this.#marks.get(edition)?.has(position) === true,
      "a token is taken for a place where no reply ended",
    );
    const known = this.#tokens.find((token) => token.edition === edition && token.position === position);
    return known && { position, clients: known.clients };
  }

  /** A token for any place of the history. */
  #forge(): void {
    const { byteLength } = new BigUint64Array(1);
    const token = this.#tokens[this.#dealer.byte() % Math.max(1, this.#tokens.length)];
    if (!token) return;
    const bytes = new Uint8Array(token.bytes);
    const view = new DataView(bytes.buffer, bytes.length - byteLength);
    view.setBigUint64(0, BigInt(token.position + this.#dealer.byte() - 128) & 0xffff_ffff_ffffn);
    this.#enter(token.edition.withSessions, { ...token, bytes });
  }

  /** Nothing changes any more: after the last tick every reader has the truth. */
  #quiet(): void {
    this.#nowMs += 5_000;
    for (let ticks = 0; this.#roster.nextTickMs <= this.#nowMs; ticks++) {
      check(ticks < 3, "ticks without end");
      this.#tick();
      this.#nowMs += 20;
    }
    for (const { withSessions } of this.#editions()) {
      check(!this.#roster.hasNewsAt(this.#nowMs, withSessions), "news forever");
    }
    const truth = multisetText(this.#members.map(({ content }) => content));
    for (const reader of [...this.#readers]) {
      if (!reader.finish(this.#unixSeconds, 512, true)) {
        this.#drop(reader);
        continue;
      }
      if (reader.token) this.#tokens.push(reader.token);
      check(multisetText(reader.model.contents) === truth, "a reader has not the truth");
      this.#checkSessions(reader);
    }
  }

  #checkSessions(reader: RosterReader): void {
    if (!reader.edition.withSessions) return;
    const sessions = this.#members.map(({ member }) => Buffer.from(member.session).toString("hex"));
    const seen = reader.model.clients.map(({ session }) => session ?? "none");
    check(multisetText(seen) === multisetText(sessions), "a reader has other sessions");
  }

  #unique(length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    new DataView(bytes.buffer).setUint32(0, ++this.#counter);
    return bytes;
  }
}

function decoded(ip: number, number: number, state: number) {
  return { ip, methods: [{ index: METHOD.data, payload: Uint8Array.of(number, state) }] };
}

function objectOf(ip: number, number: number, state: number): Uint8Array {
  return encodeClientObject(decoded(ip, number, state));
}

function seeds(): readonly FuzzInput[] {
  const programs = [
    [0, 8, 0, 8, 1, 0, 1, 0, 1, 4, 6, 0, 3, 9, 3, 0, 9, 10, 0, 128],
    [0, 8, 1, 0, 1, 0, 1, 4, 2, 0, 5, 2, 4, 6, 0, 1, 9, 8, 3, 0, 9],
    [2, 8, 0, 0, 0, 4, 6, 0, 3, 8, 2, 0, 2, 0, 4, 7, 0, 1, 9, 10, 0, 140],
    [1, 8, 1, 0, 3, 4, 5, 6, 0, 2, 4, 9, 8, 6, 0, 3, 9, 9],
    // All change and leave behind one address.
    [0, 8, 0, 8, 1, 0, 0, 0, 0, 0, 0, 4, 2, 0, 2, 1, 3, 2, 5, 2, 4, 6, 0, 1, 6, 1, 1, 9],
  ];
  return programs.map((program) => inputOf(Uint8Array.from(program)));
}
