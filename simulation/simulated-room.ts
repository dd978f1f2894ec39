import {
  ClientSession,
  type ClientSessionEvent,
  concatBytes,
  LektError,
  METHOD,
  parseLektUrl,
  type RosterChange,
  RosterView,
  toHex,
} from "@lekt/protocol";
import { type Appointment, Random, type SimulatedSocket, type VirtualClock } from "@lekt/testkit";
import { OwnEntry } from "../packages/client/src/own-entry.ts";
import { PeerList } from "../packages/client/src/peer-list.ts";
import { type ConnectionEnd, ReconnectPolicy } from "../packages/client/src/reconnect-policy.ts";
import type { NetworkHistory } from "./history.ts";
import { PeerWitness } from "./peer-witness.ts";
import { keyOf, type Person } from "./person.ts";
import { describe, RosterWitness } from "./roster-witness.ts";
import { signalId, signalWords } from "./signal-witness.ts";
import { Violation } from "./violation.ts";
import type { Visit } from "./visit.ts";

/** How a program that joins was set up. */
export interface RoomSettings {
  readonly heartbeatIntervalMs: number;
  readonly setupTimeoutMs: number;
  readonly staleGraceMs: number;
  readonly backoffCapMs: number;
  /** The address of its own end, where that is another than the server sees. */
  readonly localAddress: string | undefined;
}

/** What a room needs of the simulation around it. */
export interface RoomWorld {
  readonly clock: VirtualClock;
  readonly trace: (line: () => string) => void;
  readonly fail: (violation: Violation) => void;
  /** `onConnected` follows, or `onFailed`. */
  readonly dial: (
    person: Person,
    offers: ReadonlyMap<number, Uint8Array>,
    onConnected: (socket: SimulatedSocket, visit: Visit) => void,
    onFailed: () => void,
  ) => void;
  readonly historyOf: (visit: Visit) => NetworkHistory;
  /** A connection ended that was not closed by its own program. */
  readonly onEnded: (room: SimulatedRoom, visit: Visit, end: ConnectionEnd) => void;
}

const CONNECT_TIMEOUT_MS = 10_000;

/** A program that is in a network, on the client's pure parts: what `Room`, `Link` and `SessionDriver` do around them. */
export class SimulatedRoom {
  readonly person: Person;
  readonly settings: RoomSettings;
  readonly offers: Map<number, Uint8Array>;
  state: "closed" | "dialling" | "connected" | "waiting" | "given-up" = "closed";
  visit: Visit | undefined;
  session: ClientSession | undefined;
  isAwake = true;
  wokeMs = 0;
  connectedMs = 0;
  /** When the last byte came on this connection, or it began. */
  lastByteMs = 0;
  /** When the first heartbeat was sent. */
  readyMs: number | undefined;
  heartbeatMs: number | undefined;
  lastEnd: ConnectionEnd | undefined;
  /** Seconds by which this machine's wall clock is wrong. */
  clockErrorSeconds = 0;
  readonly #world: RoomWorld;
  readonly #random: Random;
  #view!: RosterView;
  #list!: PeerList;
  #policy!: ReconnectPolicy;
  #roster!: RosterWitness;
  #peers!: PeerWitness;
  #own: OwnEntry | undefined;
  /** What this connection offered, and what it has published since. */
  #offered: ReadonlyMap<number, Uint8Array> = new Map();
  #published = new Map<number, Uint8Array>();
  #asked: readonly number[] = [];
  #you: { readonly address?: string; readonly session?: string } | undefined;
  #broughtRoster = false;
  #socket: SimulatedSocket | undefined;
  #timer: Appointment | undefined;
  #waiting: Appointment | undefined;
  #timerIsDue = false;
  #dials = 0;

  constructor(world: RoomWorld, person: Person, settings: RoomSettings, seed: number) {
    this.#world = world;
    this.person = person;
    this.settings = settings;
    this.offers = new Map(person.offers);
    this.#random = new Random(seed, person.name);
  }

  get broughtRoster(): boolean {
    return this.#broughtRoster;
  }

  get #knowsItself(): boolean {
    return this.offers.has(METHOD.session) && this.offers.has(METHOD.server);
  }

  /** Joins. */
  open(): void {
    if (this.state !== "closed" && this.state !== "given-up") return;
    this.#view = new RosterView({ staleGraceMs: this.settings.staleGraceMs });
    this.#list = new PeerList();
    this.#roster = new RosterWitness();
    this.#peers = new PeerWitness(this.#knowsItself);
    this.#policy = new ReconnectPolicy({
      home: parseLektUrl("lekt://192.0.2.1/"),
      waitForServer: true,
      baseMs: 250,
      capMs: this.settings.backoffCapMs,
      random: () => this.#random.float(),
    });
    this.#dial();
  }

  /** Leaves: at once, in order, or without a word to anybody, as when the machine loses its power. */
  close(how: "close" | "drain" | "vanish"): void {
    if (this.state === "closed") return;
    this.#world.trace(() => `${this.person.name} leaves (${how})`);
    this.visit?.causes.add("the client left");
    const socket = this.#socket;
    this.#detach("closed");
    if (how === "close") socket?.destroy();
    else if (how === "drain") socket?.end();
    else if (socket) {
      socket.outgoing.isDead = true;
      socket.incoming.isDead = true;
      socket.forget();
    }
  }

  /** Replaces a published payload; where the server does not take it in place it is told with the next connection. */
  update(method: number, payload: Uint8Array): void {
    if (!this.isAwake) return;
    this.offers.set(method, payload);
    this.#replace(method, payload);
  }

  /** Says something to whoever shows an identity, where that can be done now. */
  signal(to: Uint8Array, payload: Uint8Array): void {
    if (!this.isAwake || !this.session?.signal(to, payload)) return;
    this.#pump(false);
    // Its next heartbeat is behind all of them.
    if (this.#socket && this.#socket.waitingBytes > 0) this.visit?.causes.add("its signals fill its line");
  }

  sleep(ms: number): void {
    if (!this.isAwake) return;
    this.#world.trace(() => `${this.person.name} sleeps for ${ms} ms`);
    this.isAwake = false;
    this.visit?.causes.add("the client slept");
    this.#socket?.sleep();
    this.#world.clock.in(ms, () => this.wake());
  }

  wake(): void {
    if (this.isAwake) return;
    this.isAwake = true;
    this.wokeMs = this.#world.clock.nowMs;
    this.#world.trace(() => `${this.person.name} wakes`);
    if (this.#timerIsDue) this.#onTimer();
    this.#socket?.wake();
  }

  /** Nothing has happened for long: everything is as it really is. */
  settled(history: NetworkHistory): void {
    if (this.#asked.includes(METHOD.update) && this.visit?.key !== keyOf(this.person.address, this.offers))
      throw new Violation("the last change that its program made was never told");
    if (this.visit && this.visit.signals.length > 0)
      throw new Violation(`${this.visit.signals.length} signals were written and never came`);
    const onlineMs = this.#world.clock.nowMs - (this.readyMs ?? 0);
    // Who found room only lately still waits for others to come back.
    const mayBeStale = onlineMs < this.settings.staleGraceMs + LONGEST_REPLY_MS;
    this.#roster.settled(history, this.#view, mayBeStale);
    const exact = this.#knowsItself;
    const { self } = this.#list;
    if (exact && !this.offers.has(METHOD.watch) && !self) throw new Violation("it does not find itself");
    // Who replaced what it published, and knows no session, cannot tell itself from its twins.
    if (!exact && this.offers.has(METHOD.update)) return;
    const own = exact && self ? keyOf(this.person.address, this.offers) : undefined;
    this.#peers.settled(this.#list.peers, this.#roster, own);
  }

  #replace(method: number, payload: Uint8Array): void {
    if (!this.session) return;
    this.session.update(method, payload, this.#world.clock.nowMs);
    this.#pump(false);
  }

  #dial(): void {
    this.state = "dialling";
    const dial = ++this.#dials;
    this.#offered = new Map(this.offers);
    const isLate = () => dial !== this.#dials || this.state !== "dialling";
    const fail = () => {
      if (!isLate())
        this.#after({ error: new LektError("LEKT_CONNECT", "no connection"), broughtRoster: false });
    };
    const giveUp = this.#world.clock.in(CONNECT_TIMEOUT_MS, fail);
    this.#world.dial(
      this.person,
      this.#offered,
      (socket, visit) => {
        giveUp.isOff = true;
        if (isLate()) socket.destroy();
        else this.#connected(socket, visit);
      },
      () => {
        giveUp.isOff = true;
        fail();
      },
    );
  }

  #connected(socket: SimulatedSocket, visit: Visit): void {
    const { clock } = this.#world;
    this.state = "connected";
    this.visit = visit;
    this.#socket = socket;
    this.#broughtRoster = false;
    this.#own = undefined;
    this.#you = undefined;
    this.#asked = [];
    this.#published = new Map(this.#offered);
    this.readyMs = undefined;
    this.heartbeatMs = undefined;
    this.connectedMs = this.lastByteMs = clock.nowMs;
    this.#roster.begin(visit);
    this.#peers.ownKey(visit.key);
    const { heartbeatIntervalMs, setupTimeoutMs } = this.settings;
    this.session = new ClientSession(
      {
        offers: this.#offered,
        view: this.#view,
        unixSeconds: () => 1_700_000_000 + Math.floor(clock.nowMs / 1_000) + this.clockErrorSeconds,
        heartbeatIntervalMs,
        setupTimeoutMs,
      },
      clock.nowMs,
    );
    socket.open({
      onData: (bytes) => {
        if (this.#socket !== socket) return;
        this.lastByteMs = clock.nowMs;
        this.session?.receive(bytes, clock.nowMs);
        this.#pump(false);
      },
      onEnd: () => {
        if (this.#socket !== socket) {
          socket.destroy();
          return;
        }
        this.session?.disconnected();
        this.#pump(false);
      },
      onWritable: () => {},
      onClose: () => {
        if (this.#socket !== socket) return;
        this.session?.disconnected();
        this.#pump(false);
      },
    });
    if (!this.isAwake) {
      visit.causes.add("the client slept");
      socket.sleep();
    }
    this.#pump(false);
  }

  /** Does what the session asks for. @param byDeadline whether its time was over, rather than that bytes came. */
  #pump(byDeadline: boolean): void {
    const events = this.session?.takeEvents() ?? [];
    const unsent: Uint8Array[] = [];
    for (const event of events) {
      if (event.type === "ready") this.readyMs = this.#world.clock.nowMs;
      if (event.type === "reply") this.heartbeatMs = undefined;
      if (event.type !== "send") continue;
      unsent.push(event.bytes);
      this.#noteWritten(event.bytes);
    }
    if (unsent.length > 0) this.#socket?.write(concatBytes(unsent));
    try {
      // When several replies end together, the roster stands at the last one while the others are told.
      const lastReply = events.findLast(({ type }) => type === "reply");
      for (const event of events) this.#handle(event, byDeadline, event === lastReply);
    } catch (error) {
      if (!(error instanceof Violation)) throw error;
      this.#world.fail(new Violation(`${this.person.name}: ${error.message}`));
    }
    this.#arm();
  }

  #noteWritten(bytes: Uint8Array): void {
    const { visit } = this;
    if (!visit || this.readyMs === undefined) visit?.wrote(bytes.length);
    else if (bytes[4] === HEARTBEAT) {
      visit.wroteHeartbeat(bytes.length);
      this.heartbeatMs = this.#world.clock.nowMs;
    } else if (bytes[4] === SIGNAL) {
      const to = toHex(bytes.subarray(8, SIGNAL_PAYLOAD_OFFSET - 4));
      visit.wroteSignal(bytes.length, { id: signalId(bytes.subarray(SIGNAL_PAYLOAD_OFFSET)), to });
    } else {
      const method = new DataView(bytes.buffer, bytes.byteOffset).getUint32(8);
      this.#published.set(method, bytes.slice(PAYLOAD_OFFSET));
      const key = keyOf(this.person.address, this.#published);
      this.#peers.ownKey(key);
      visit.wroteUpdate(bytes.length, key);
    }
  }

  #handle(event: ClientSessionEvent, byDeadline: boolean, isLast: boolean): void {
    switch (event.type) {
      case "send":
        break;
      case "signal": {
        const written = this.visit?.signals.shift();
        const taken = signalWords(event.from, event.payload);
        if (taken !== written) throw new Violation(`took the signal ${taken} where ${written} was written`);
        break;
      }
      case "ready":
        this.#asked = event.asked;
        for (const [method, payload] of this.offers) {
          if (this.#offered.get(method) !== payload) this.#replace(method, payload);
        }
        break;
      case "server":
        this.#you = event.info.you;
        break;
      case "reply":
        this.#replied(event.changes, event.first, byDeadline, isLast);
        break;
      case "ended": {
        const { error, word, text } = event;
        this.#ended({ error, ...(word && { word }), ...(text !== undefined && { text }) });
        break;
      }
    }
  }

  #replied(changes: readonly RosterChange[], first: boolean, byDeadline: boolean, isLast: boolean): void {
    const visit = this.visit as Visit;
    const { nowMs } = this.#world.clock;
    const { name } = this.person;
    this.#broughtRoster = true;
    const written = byDeadline ? undefined : visit.replies.shift();
    if (!byDeadline && !written) throw new Violation("took the end of a reply that was not written");
    if (byDeadline && !visit.isDisturbed) throw new Violation("took a part for a whole reply, for no reason");
    if (first || changes.length > 0)
      this.#world.trace(
        () => `${name} is told ${changes.map(({ type, entry }) => `${type} ${describe(entry.key)}`)}`,
      );
    this.#roster.replied(
      changes,
      written,
      this.#world.historyOf(visit),
      first,
      isLast ? this.#view : undefined,
      nowMs,
    );
    if (first && !this.#asked.includes(METHOD.watch)) {
      this.#own = new OwnEntry({
        offers: this.#offered,
        asked: this.#asked,
        toldAddress: this.#you?.address,
        toldSession: this.#you?.session,
        localAddress: this.settings.localAddress,
        hasSession: (session) => this.#view.hasSession(session),
      });
    }
    this.#peers.reported(this.#list.apply(changes, this.#own, first), this.#roster);
  }

  #ended(end: Pick<ConnectionEnd, "error" | "word" | "text">): void {
    const visit = this.visit as Visit;
    const { readyMs } = this;
    const onlineMs = readyMs === undefined ? {} : { onlineMs: this.#world.clock.nowMs - readyMs };
    const whole = { ...end, broughtRoster: this.#broughtRoster, ...onlineMs };
    const socket = this.#socket;
    this.#detach("waiting");
    socket?.destroy();
    this.#world.trace(() => `${this.person.name}: ${end.error.message}`);
    this.#world.onEnded(this, visit, whole);
    this.#after(whole);
  }

  #after(end: ConnectionEnd): void {
    this.lastEnd = end;
    const step = this.#policy.after(end);
    if (step.type === "give-up") {
      this.#detach("given-up");
      return;
    }
    this.state = "waiting";
    const delayMs = step.type === "wait" ? step.delayMs : 0;
    if (delayMs > this.settings.backoffCapMs) throw new Violation(`waits for ${delayMs} ms`);
    this.#waiting = this.#world.clock.in(delayMs, () => this.#redial());
  }

  #redial(): void {
    if (this.state !== "waiting") return;
    // Who sleeps dials when it wakes, or a moment later.
    if (this.isAwake) this.#dial();
    else this.#waiting = this.#world.clock.in(100, () => this.#redial());
  }

  #detach(state: "closed" | "waiting" | "given-up"): void {
    this.state = state;
    this.session = undefined;
    this.#socket = undefined;
    this.visit = undefined;
    this.#timerIsDue = false;
    if (this.#timer) this.#timer.isOff = true;
    this.#timer = undefined;
    if (this.#waiting) this.#waiting.isOff = true;
  }

  #arm(): void {
    if (!this.session) return;
    const expiryMs = this.#broughtRoster ? this.#view.nextExpiryMs : Number.POSITIVE_INFINITY;
    const { clock } = this.#world;
    const dueMs =
      clock.nowMs + Math.max(0, Math.ceil(Math.min(this.session.deadlineMs, expiryMs) - clock.nowMs));
    if (this.#timer && this.#timer.atMs <= dueMs) return;
    if (this.#timer) this.#timer.isOff = true;
    if (dueMs < Number.POSITIVE_INFINITY) this.#timer = clock.at(dueMs, () => this.#onTimer());
  }

  #onTimer(): void {
    this.#timer = undefined;
    this.#timerIsDue = !this.isAwake;
    if (this.#timerIsDue || !this.session) return;
    const { nowMs } = this.#world.clock;
    const expiryMs = this.#broughtRoster ? this.#view.nextExpiryMs : Number.POSITIVE_INFINITY;
    if (nowMs < Math.min(this.session.deadlineMs, expiryMs)) {
      this.#arm();
      return;
    }
    this.session.onDeadline(nowMs);
    this.#pump(true);
    if (!this.session || !this.#broughtRoster) return;
    const expired = this.#view.expire(nowMs);
    if (expired.length > 0) this.#expired(expired, nowMs);
    this.#arm();
  }

  #expired(changes: readonly RosterChange[], nowMs: number): void {
    try {
      this.#roster.expired(changes, nowMs, this.settings.staleGraceMs);
      this.#peers.reported(this.#list.apply(changes, this.#own, false), this.#roster);
    } catch (error) {
      if (!(error instanceof Violation)) throw error;
      this.#world.fail(new Violation(`${this.person.name}: ${error.message}`));
    }
  }
}

/** From the end of the setup to the end of the first reply. */
const LONGEST_REPLY_MS = 5_000;
const HEARTBEAT = 0x48;
const SIGNAL = 0x53;
const SIGNAL_PAYLOAD_OFFSET = 44;
/** Of a Response: header, index and length stand before it. */
const PAYLOAD_OFFSET = 16;
