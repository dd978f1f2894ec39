import { METHOD, SERVER_IDENTITY } from "@lekt/protocol";
import { Random, RETRANSMISSION_MS, SimulatedSocket, VirtualClock } from "@lekt/testkit";
import { type ResolvedOptions, resolveOptions } from "../packages/server/src/options.ts";
import { auditRoom, auditServer } from "./deadline-audit.ts";
import { judgeCut, judgeEnd, judgeReject } from "./drop-judge.ts";
import type { Person } from "./person.ts";
import { misbehave } from "./rogue.ts";
import { type Happening, type Participant, type Scenario, scenarioOf } from "./scenario.ts";
import { HookFailed, ServerProcess } from "./server-process.ts";
import { SimulatedRoom } from "./simulated-room.ts";
import { Violation } from "./violation.ts";
import { Visit } from "./visit.ts";

/** What one seed came to. */
export interface Outcome {
  readonly seed: number;
  readonly violation: { readonly message: string; readonly atMs: number } | undefined;
  readonly clients: number;
  readonly virtualMs: number;
  /** Appointments that were kept. */
  readonly steps: number;
  readonly replies: number;
  readonly changes: number;
}

export interface SimulationOptions {
  /** Called with a line about each thing that happens. */
  readonly trace?: (line: string) => void;
}

const AUDIT_EVERY_MS = 250;
/** Between two clients that signal, at most. */
const SIGNALS_EVERY_MS = 1_000;
/** More than a client may send at once (spec 8.1.5). */
const MANY_SIGNALS = 230;
/** Nobody shows it. */
const NOBODY = new Uint8Array(32).fill(0xee);
const MOST_ROGUES = 100;
/** A seed that takes more appointments than this spins. */
const MOST_STEPS = 3_000_000;
/** Independent of this machine: the number of its file descriptors bounds the default. */
const DEFAULTS = resolveOptions({});

/** Runs one seed from its beginning to its end. */
export function simulate(seed: number, options: SimulationOptions = {}): Promise<Outcome> {
  return new Simulation(seed, options).run();
}

class Simulation {
  readonly #seed: number;
  readonly #clock = new VirtualClock();
  readonly #random: Random;
  readonly #signalRandom: Random;
  readonly #scenario: Scenario;
  readonly #options: ResolvedOptions;
  readonly #trace: (line: () => string) => void;
  readonly #rooms: SimulatedRoom[] = [];
  readonly #participants = new Map<string, Participant>();
  readonly #servers = new Map<Visit, ServerProcess>();
  #server: ServerProcess | undefined;
  #violation: Outcome["violation"];
  #microtasks = false;
  #lastVisit = 0;
  #rogues = 0;
  #lastSignal = 0;
  #replies = 0;
  #changes = 0;
  #serverClockErrorSeconds = 0;
  #isQuiet = false;

  constructor(seed: number, { trace }: SimulationOptions) {
    this.#seed = seed;
    this.#random = new Random(seed, "simulation");
    this.#signalRandom = new Random(seed, "signals");
    this.#scenario = scenarioOf(this.#random);
    const { authorizeMs, options } = this.#scenario;
    this.#options = {
      ...DEFAULTS,
      ...(options as Partial<ResolvedOptions>),
      authorize: authorizeMs === undefined ? undefined : () => this.#authorize(authorizeMs),
    };
    this.#trace = trace
      ? (line) => trace(`${this.#clock.nowMs.toFixed(0).padStart(8)}  ${line()}`)
      : () => {};
  }

  async run(): Promise<Outcome> {
    const { participants, atFirst, arrivalMs, turmoilMs } = this.#scenario;
    this.#trace(() => `seed ${this.#seed}: ${JSON.stringify(this.#scenario.options)}`);
    this.#startServer();
    for (const [i, participant] of participants.entries()) {
      this.#participants.set(participant.person.name, participant);
      const room = new SimulatedRoom(this.#roomWorld(), participant.person, participant.settings, this.#seed);
      this.#rooms.push(room);
      if (i < atFirst) this.#clock.in(this.#random.below(arrivalMs + 1), () => room.open());
    }
    this.#happenLater();
    this.#signalLater();
    this.#auditLater();
    this.#clock.at(turmoilMs, () => this.#calm());
    const endMs = turmoilMs + this.#quietMs;
    await this.#runUntil(endMs);
    if (!this.#violation) this.#attempt(() => this.#settled());
    return {
      seed: this.#seed,
      violation: this.#violation,
      clients: participants.length + this.#rogues,
      virtualMs: this.#clock.nowMs,
      steps: this.#clock.kept,
      replies: this.#replies,
      changes: this.#changes,
    };
  }

  async #runUntil(endMs: number): Promise<void> {
    const clock = this.#clock;
    while (!this.#violation && clock.nextMs <= endMs) {
      clock.step();
      if (this.#microtasks) await this.#settleMicrotasks();
      if (clock.kept > MOST_STEPS) this.#fail(new Violation("it spins"));
    }
  }

  /** Long enough for every deadline, wait and grace to be over. */
  get #quietMs(): number {
    const { heartbeatIntervalMs = 0, setupTimeoutMs = 0 } = this.#scenario.options;
    const settings = this.#scenario.participants.map((participant) => participant.settings);
    const graceMs = Math.max(...settings.map((one) => one.staleGraceMs + one.backoffCapMs));
    return (
      3 * heartbeatIntervalMs + 25_000 + setupTimeoutMs + 12_000 + 2 * graceMs + RETRANSMISSION_MS + 15_000
    );
  }

  /** Promises of `authorize` are the only microtasks there are; no chain of them is longer than this. */
  async #settleMicrotasks(): Promise<void> {
    this.#microtasks = false;
    for (let i = 0; i < 16; i++) await undefined;
  }

  #fail(violation: Violation): void {
    if (this.#violation) return;
    this.#violation = { message: violation.message, atMs: this.#clock.nowMs };
    this.#trace(() => `VIOLATION ${violation.message}`);
  }

  #attempt(check: () => void): void {
    try {
      check();
    } catch (error) {
      if (!(error instanceof Violation)) throw error;
      this.#fail(error);
    }
  }

  #startServer(): void {
    const clock = this.#clock;
    this.#server = new ServerProcess(
      {
        clock,
        random: this.#random,
        serverClockErrorSeconds: () => this.#serverClockErrorSeconds,
        trace: this.#trace,
        fail: (violation) => this.#fail(violation),
        awaitsMicrotasks: () => {
          this.#microtasks = true;
        },
        onRejected: (visit, message, server) => judgeReject(visit, message, server, clock.nowMs),
        onCutByHeart: (visit) => judgeCut(visit, clock.nowMs),
        onReplied: () => {
          this.#replies++;
        },
      },
      this.#options,
    );
    this.#trace(() => "a server starts");
  }

  #roomWorld(): ConstructorParameters<typeof SimulatedRoom>[0] {
    return {
      clock: this.#clock,
      trace: this.#trace,
      fail: (violation) => this.#fail(violation),
      dial: (person, offers, onConnected, onFailed) => this.#dial(person, offers, onConnected, onFailed),
      historyOf: (visit) => {
        const server = this.#servers.get(visit);
        if (!server) throw new Error("no server has this connection");
        return server.history.network(visit.person.network);
      },
      onEnded: (room, visit, end) =>
        this.#attempt(() => {
          try {
            judgeEnd(visit, end);
          } catch (error) {
            if (error instanceof Violation) error.message = `${room.person.name}: ${error.message}`;
            throw error;
          }
        }),
    };
  }

  #dial(
    person: Person,
    offers: ReadonlyMap<number, Uint8Array>,
    onConnected: (socket: SimulatedSocket, visit: Visit) => void,
    onFailed: () => void,
  ): void {
    const clock = this.#clock;
    const { there, back } = this.#lineOf(person);
    clock.in(there.latencyMs, () => {
      const server = this.#server;
      if (!server || server.isGone || server.isStopping) {
        clock.in(back.latencyMs, onFailed);
        return;
      }
      const visit = new Visit(++this.#lastVisit, person, offers);
      const [clientSocket, serverSocket] = SimulatedSocket.pair(clock, this.#random, there, back);
      visit.clientSocket = clientSocket;
      this.#servers.set(visit, server);
      server.accept(visit, serverSocket);
      if (this.#options.authorize) visit.causes.add("the operator's rule takes its time");
      clock.in(back.latencyMs, () => onConnected(clientSocket, visit));
    });
  }

  /** Rogues come by the line of the first participant. */
  #lineOf(person: Person): Pick<Participant, "there" | "back"> {
    const line = this.#participants.get(person.name) ?? this.#scenario.participants[0];
    if (!line) throw new Error("nobody takes part");
    return line;
  }

  #authorize(mostMs: number): Promise<true | { refuse: string }> {
    const delayMs = this.#random.below(mostMs + 1);
    const verdict = this.#random.oneIn(8) ? { refuse: "not you" } : true;
    const server = this.#server;
    return new Promise((resolve, reject) => {
      const decide = () => {
        if (server?.isPaused) {
          this.#clock.in(50, decide);
          return;
        }
        this.#microtasks = true;
        if (verdict !== true && this.#random.oneIn(4)) reject(new HookFailed("the hook failed"));
        else resolve(verdict);
      };
      this.#clock.in(delayMs, decide);
    });
  }

  #happenLater(): void {
    const { everyMs, happenings } = this.#scenario;
    this.#clock.in(this.#random.below(2 * everyMs), () => {
      if (this.#isQuiet) return;
      this.#happen(this.#random.pick(happenings));
      this.#happenLater();
    });
  }

  #happen(happening: Happening): void {
    const random = this.#random;
    const room = random.pick(this.#rooms);
    const { visit } = room;
    switch (happening) {
      case "join":
        room.open();
        break;
      case "leave":
        room.close(random.pick(["close", "close", "drain", "vanish"]));
        break;
      case "update":
        this.#update(room);
        break;
      case "sleep":
        room.sleep(this.#duration());
        break;
      case "stall":
      case "cut":
      case "half-open":
      case "slow":
        if (visit) this.#disturb(visit, happening);
        break;
      case "region": {
        const what = random.pick(["stall", "cut", "half-open"] as const);
        for (const one of this.#rooms) if (one.visit && random.oneIn(2)) this.#disturb(one.visit, what);
        break;
      }
      case "pause":
        this.#server?.pause(this.#duration());
        break;
      case "restart":
        this.#restart();
        break;
      case "clock": {
        const jump = random.pick([-1_000_000, -3_600, -1, 1, 3_600, 2 ** 31]);
        if (random.oneIn(2)) this.#serverClockErrorSeconds += jump;
        else room.clockErrorSeconds += jump;
        break;
      }
      case "rogue":
        this.#sendRogues();
        break;
    }
  }

  /** Whoever takes part says something to somebody, or to nobody, from time to time. */
  #signalLater(): void {
    const random = this.#signalRandom;
    this.#clock.in(1 + random.below(SIGNALS_EVERY_MS), () => {
      if (this.#isQuiet) return;
      this.#signalLater();
      const talkers = this.#rooms.filter(({ offers }) => offers.has(METHOD.signal));
      if (talkers.length === 0) return;
      const peer = random.pick(talkers).offers.get(METHOD.identity);
      const to = (!random.oneIn(6) && peer) || random.pick([NOBODY, SERVER_IDENTITY]);
      const room = random.pick(talkers);
      const times = random.oneIn(40) ? MANY_SIGNALS : random.between(1, 3);
      for (let i = 0; i < times; i++) room.signal(to, this.#signalPayload());
    });
  }

  #signalPayload(): Uint8Array {
    const payload = new Uint8Array(4 + this.#signalRandom.below(this.#signalRandom.oneIn(20) ? 2_000 : 40));
    new DataView(payload.buffer).setUint32(0, ++this.#lastSignal);
    return payload;
  }

  #duration(): number {
    return this.#random.below(this.#random.pick([60, 500, 3_000, 12_000, 40_000])) + 1;
  }

  #update(room: SimulatedRoom): void {
    const random = this.#random;
    if (!room.offers.has(METHOD.data) || !room.offers.has(METHOD.update)) return;
    const times = random.oneIn(6) ? 30 : 1;
    for (let i = 0; i < times; i++) {
      this.#changes++;
      const isOld = random.oneIn(4);
      const data = isOld ? Uint8Array.of(random.below(2)) : Buffer.from(`change ${this.#changes}`);
      room.update(METHOD.data, data);
    }
  }

  #disturb(visit: Visit, what: "stall" | "cut" | "half-open" | "slow"): void {
    const random = this.#random;
    const socket = visit.clientSocket;
    if (!socket) return;
    this.#trace(() => `${visit.person.name}: its line has a ${what}`);
    visit.causes.add(what);
    switch (what) {
      case "stall": {
        const ms = this.#duration();
        if (!random.oneIn(3)) socket.incoming.stall(ms);
        if (!random.oneIn(3)) socket.outgoing.stall(ms);
        break;
      }
      case "cut":
        this.#clock.in(random.below(300), () => visit.serverSocket?.reset());
        this.#clock.in(random.below(300), () => socket.reset());
        break;
      case "half-open":
        if (!random.oneIn(3)) socket.incoming.isDead = true;
        if (!random.oneIn(3)) socket.outgoing.isDead = true;
        break;
      case "slow": {
        const readBytesPerSecond = random.pick([50, 1_000, 4_000, 6_000, 20_000]);
        socket.incoming.profile = { ...socket.incoming.profile, readBytesPerSecond };
        break;
      }
    }
  }

  #restart(): void {
    const random = this.#random;
    const server = this.#server;
    if (!server || server.isGone || server.isStopping || server.isPaused) return;
    const downMs = random.between(0, 8_000);
    if (random.oneIn(3)) {
      server.drain();
      this.#clock.in(1_500, () => server.crash(true));
    } else server.crash(random.oneIn(2));
    this.#clock.in(1_600 + downMs, () => this.#startServer());
  }

  #sendRogues(): void {
    const random = this.#random;
    const model = random.pick(this.#rooms).person;
    const count = random.oneIn(8) ? 40 : 1;
    for (let i = 0; i < count && this.#rogues < MOST_ROGUES; i++) {
      const person: Person = { ...model, name: `rogue ${++this.#rogues}`, isRogue: true };
      const deedRandom = new Random(this.#seed, person.name);
      this.#dial(
        person,
        person.offers,
        (socket, visit) => misbehave(person, socket, visit, this.#clock, deedRandom),
        () => {},
      );
    }
  }

  #auditLater(): void {
    this.#clock.in(AUDIT_EVERY_MS, () => {
      this.#attempt(() => this.#audit());
      this.#auditLater();
    });
  }

  #audit(): void {
    const { nowMs } = this.#clock;
    const intervalMs = this.#options.heartbeatIntervalMs;
    if (this.#server) auditServer(this.#server, nowMs);
    for (const room of this.#rooms) auditRoom(room, intervalMs, nowMs);
  }

  /** Nothing happens from now on: everybody wakes, lines are good, the server is there. */
  #calm(): void {
    this.#trace(() => "quiet");
    this.#isQuiet = true;
    for (const room of this.#rooms) {
      room.wake();
      const incoming = room.visit?.clientSocket?.incoming;
      if (incoming) incoming.profile = { ...incoming.profile, readBytesPerSecond: Number.POSITIVE_INFINITY };
    }
  }

  #settled(): void {
    const server = this.#server;
    if (!server || server.isGone) throw new Violation("no server is there in the end");
    for (const room of this.#rooms) {
      const { name, network } = room.person;
      if (room.state === "closed" || room.state === "given-up") continue;
      // There is no room for it, or no room for all who try.
      if (!room.broughtRoster && ["limit", "rate"].includes(room.lastEnd?.word ?? "")) continue;
      // Refused by chance, again and again.
      if (this.#options.authorize && !room.broughtRoster) continue;
      if (room.state !== "connected" || !room.broughtRoster)
        throw new Violation(`${name} is not back in the end: ${room.lastEnd?.error.message}`);
      try {
        room.settled(server.history.network(network));
      } catch (error) {
        if (error instanceof Violation) error.message = `${name}: ${error.message}`;
        throw error;
      }
    }
  }
}
