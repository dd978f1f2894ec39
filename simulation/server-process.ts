import { toHex } from "@lekt/protocol";
import type { Appointment, Random, SimulatedSocket, VirtualClock } from "@lekt/testkit";
import { WHEEL_STEP_MS } from "../packages/server/src/deadline-wheel.ts";
import { EventLog } from "../packages/server/src/event-log.ts";
import type { ResolvedOptions } from "../packages/server/src/options.ts";
import { Rendezvous } from "../packages/server/src/rendezvous.ts";
import type { Link, Visitor } from "../packages/server/src/visitor.ts";
import { History, type NetworkHistory } from "./history.ts";
import { type ReadSignal, SignalWitness, signalWords } from "./signal-witness.ts";
import { StreamAudit } from "./stream-audit.ts";
import { Violation } from "./violation.ts";
import type { Visit } from "./visit.ts";

/** What the process needs of the simulation around it. */
export interface ServerWorld {
  readonly clock: VirtualClock;
  readonly random: Random;
  /** Seconds by which the server's wall clock is wrong. */
  readonly serverClockErrorSeconds: () => number;
  readonly trace: (line: () => string) => void;
  readonly fail: (violation: Violation) => void;
  /** The heart may have something to do in a microtask. */
  readonly awaitsMicrotasks: () => void;
  readonly onRejected: (visit: Visit, message: string, server: ServerProcess) => void;
  readonly onCutByHeart: (visit: Visit, server: ServerProcess) => void;
  readonly onReplied: (visit: Visit, server: ServerProcess) => void;
}

/** What an operator's `authorize` fails with, on purpose. */
export class HookFailed extends Error {}

/** How long a late turn of the wheel counts in favour of clients, as in `create-server.ts`. */
const LATENESS_MEMORY_MS = 5_000;
/** A slice, a packet that was too long for the rest of it, and a Reject: more never waits for one reader. */
const MOST_WAITING_BYTES = 2 * 32_768 + 2_048;

/** One connection on the server's side. */
export interface Connection {
  readonly visit: Visit;
  readonly socket: SimulatedSocket;
  readonly audit: StreamAudit;
  readonly history: NetworkHistory;
  visitor: Visitor | undefined;
}

/** The rim of the server in a simulated world: the same in what it does and when as `create-server.ts`. */
export class ServerProcess {
  readonly history = new History();
  readonly connections = new Set<Connection>();
  readonly options: ResolvedOptions;
  /** Who connected in the last seconds. */
  comers: { readonly group: string; readonly atMs: number }[] = [];
  /** When it last could not do anything for a while, or began. */
  resumedMs: number;
  isStopping = false;
  isGone = false;
  readonly #world: ServerWorld;
  readonly #heart: Rendezvous;
  readonly #signals = new SignalWitness();
  #tickMs = Number.POSITIVE_INFINITY;
  #isPaused = false;
  #turning: Appointment | undefined;
  #lastTurnMs: number;
  #late = { byMs: 0, atMs: 0 };
  #ticking: Appointment | undefined;
  #tickIsDue = false;
  /** Connected by the system, and not seen by the process yet. */
  #backlog: { readonly visit: Visit; readonly socket: SimulatedSocket }[] = [];

  constructor(world: ServerWorld, options: ResolvedOptions) {
    this.#world = world;
    this.options = options;
    const { clock, random } = world;
    this.resumedMs = this.#lastTurnMs = clock.nowMs;
    const surroundings = {
      nowMs: () => clock.nowMs,
      unixSeconds: () => this.#unixSeconds,
      random: (bytes: number) => Uint8Array.from({ length: bytes }, () => random.below(256)),
      act: (deed: () => void) => {
        deed();
        this.#schedule();
      },
    };
    this.#heart = new Rendezvous(options, surroundings, new EventLog(this.#logger()));
    this.#turnLater();
  }

  get heart(): Rendezvous {
    return this.#heart;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  accept(visit: Visit, socket: SimulatedSocket): void {
    if (this.#isPaused) {
      this.#backlog.push({ visit, socket });
      visit.causes.add("the server paused");
      return;
    }
    const { nowMs } = this.#world.clock;
    visit.acceptedMs = nowMs;
    visit.serverSocket = socket;
    this.comers.push({ group: visit.group, atMs: nowMs });
    if (this.comers.length > 1_000) this.comers = this.comers.filter(({ atMs }) => atMs > nowMs - 1_000);
    const history = this.history.network(visit.person.network);
    const audit = new StreamAudit({
      onAdmitted: () => this.#admitted(connection),
      onReplyEnd: () => this.#replyEnded(connection),
      onReject: (message) => this.#rejected(connection, message),
      onSignal: (identity, payload) => {
        this.#signals.written(visit, toHex(identity), payload);
        visit.signals.push(signalWords(identity, payload));
      },
    });
    const connection: Connection = { visit, socket, audit, history, visitor: undefined };
    this.connections.add(connection);
    const visitor = this.#heart.connected(this.#link(connection));
    connection.visitor = visitor;
    socket.open({
      onData: (bytes) => this.#receive(connection, bytes),
      onEnd: () => {
        this.#leave(connection);
        if (visitor) this.#heart.departed(visitor);
        this.#schedule();
        socket.end();
      },
      onWritable: () => {
        visit.blockedSinceMs = undefined;
        // A reply counts as written when the system has all of it; a signal ends no silence (spec 8.1.8).
        if (visit.endWaits) visit.quietSinceMs = this.#world.clock.nowMs;
        visit.endWaits = false;
        if (visitor) this.#heart.writable(visitor);
        this.#schedule();
      },
      onClose: () => {
        this.#leave(connection);
        this.connections.delete(connection);
        if (visitor) this.#heart.disconnected(visitor);
        this.#schedule();
      },
    });
  }

  /** Does nothing for so long, as a process that collects garbage, or whose machine is busy. */
  pause(ms: number): void {
    if (this.#isPaused || this.isGone) return;
    this.#world.trace(() => `the server pauses for ${ms} ms`);
    this.#isPaused = true;
    for (const { socket, visit } of this.connections) {
      socket.sleep();
      visit.causes.add("the server paused");
    }
    this.#world.clock.in(ms, () => this.#resume());
  }

  /** Tells everybody, and takes nobody any more. */
  drain(): void {
    this.#world.trace(() => "the server stops");
    this.isStopping = true;
    this.#heart.stop();
    this.#schedule();
  }

  /** The process ends at once. @param isHeard whether the other sides are told by their systems. */
  crash(isHeard: boolean): void {
    this.#world.trace(() => `the server is gone, ${isHeard ? "and its system says so" : "in silence"}`);
    this.isGone = true;
    if (this.#turning) this.#turning.isOff = true;
    if (this.#ticking) this.#ticking.isOff = true;
    for (const { socket, visit } of [...this.connections, ...this.#backlog]) {
      visit.causes.add("the server is gone");
      visit.leftMs ??= this.#world.clock.nowMs;
      socket.forget();
      if (isHeard) {
        const { latencyMs } = socket.outgoing.profile;
        this.#world.clock.in(latencyMs + this.#world.random.below(100), () => visit.clientSocket?.reset());
      }
      socket.outgoing.isDead = true;
      socket.incoming.isDead = true;
    }
    this.#backlog = [];
    this.connections.clear();
  }

  get #unixSeconds(): number {
    const { clock, serverClockErrorSeconds } = this.#world;
    return 1_700_000_000 + Math.floor(clock.nowMs / 1_000) + serverClockErrorSeconds();
  }

  #logger(): ResolvedOptions["logger"] {
    const error = (fields: { err?: unknown }, message: string) => {
      if (fields.err instanceof HookFailed) return;
      this.#world.fail(new Violation(`the server's log: ${message}: ${String(fields.err)}`));
    };
    const none = () => {};
    return {
      info: none,
      warn: none,
      error,
      isLevelEnabled: () => false,
    } as unknown as ResolvedOptions["logger"];
  }

  #resume(): void {
    if (this.isGone) return;
    this.#isPaused = false;
    this.resumedMs = this.#world.clock.nowMs;
    this.#world.trace(() => "the server goes on");
    // As the loop of Node.js does it: timers, then what came, then what was put off to behind that.
    this.#turn();
    if (this.#tickIsDue) this.#tick();
    for (const { socket } of this.connections) socket.wake();
    const backlog = this.#backlog;
    this.#backlog = [];
    for (const { visit, socket } of backlog) this.accept(visit, socket);
  }

  #link({ visit, socket, audit }: Connection): Link {
    let ended = false;
    return {
      address: visit.person.address,
      port: 40_000,
      localAddress: "192.0.2.1",
      write: (parts) => {
        if (socket.isClosed) return true;
        this.#checked(() => {
          if (ended) throw new Violation(`the heart wrote to ${visit.person.name} behind its own end`);
          for (const part of parts) audit.written(part);
        }, visit);
        for (const part of parts) socket.write(part);
        if (socket.waitingBytes === 0) {
          visit.endWaits = false;
          return true;
        }
        visit.blockedSinceMs ??= this.#world.clock.nowMs;
        if (socket.waitingBytes > MOST_WAITING_BYTES) {
          this.#world.fail(
            new Violation(`${socket.waitingBytes} bytes wait in the server for one slow reader`),
          );
        }
        return false;
      },
      end: () => {
        ended = true;
        socket.end();
      },
      destroy: () => {
        const { nowMs } = this.#world.clock;
        if (visit.cutByHeartMs === undefined && !socket.isClosed) {
          visit.cutByHeartMs = nowMs;
          this.#world.trace(() => `the server cuts ${visit.person.name} off`);
          this.#checked(() => this.#world.onCutByHeart(visit, this), visit);
        }
        socket.destroy();
      },
    };
  }

  /** What fails here is told at once: the heart would catch it. */
  #checked(check: () => void, visit: Visit): void {
    try {
      check();
    } catch (error) {
      if (!(error instanceof Violation)) throw error;
      this.#world.fail(new Violation(`${visit.person.name}: ${error.message}`));
    }
  }

  #receive(connection: Connection, bytes: Uint8Array): void {
    const { visit, history, audit, visitor } = connection;
    const { nowMs } = this.#world.clock;
    const signals: { signal: ReadSignal; mayWait: boolean }[] = [];
    for (const { key, signal: sent } of visit.read(bytes.length)) {
      if (visit.admittedMs === undefined || visit.leftMs !== undefined) continue;
      if (sent) {
        const signal = this.#signals.read(visit, sent, this.#listeners(visit.person.network));
        signals.push({ signal, mayWait: mayWait(signal) });
      } else if (key === undefined) {
        audit.pending++;
        visit.heartbeats.push({ atMs: nowMs, version: history.version });
      } else {
        this.#world.trace(() => `the server reads that ${visit.person.name} changed`);
        visit.key = key;
        history.change(visit.id, key, nowMs);
      }
    }
    if (visitor) this.#heart.receive(visitor, bytes, this.#latenessMs());
    for (const { signal, mayWait: mightWait } of signals)
      this.#checked(() => this.#signals.handled(signal, mightWait || mayWait(signal), nowMs), visit);
    if (this.options.authorize) this.#world.awaitsMicrotasks();
    this.#schedule();
  }

  /** Who takes signals in a network. */
  #listeners(network: string): Visit[] {
    return [...this.connections]
      .map(({ visit }) => visit)
      .filter(
        ({ person, signalIdentity, admittedMs, leftMs }) =>
          person.network === network &&
          signalIdentity !== undefined &&
          admittedMs !== undefined &&
          leftMs === undefined,
      );
  }

  #admitted({ visit, history }: Connection): void {
    const { nowMs } = this.#world.clock;
    const { maxClientsPerNetwork, maxClientsPerAddress } = this.options;
    this.#world.trace(() => `${visit.person.name} is in "${visit.person.network}"`);
    if (visit.leftMs !== undefined) throw new Violation("who left was let in");
    if (history.size >= maxClientsPerNetwork) throw new Violation("a full network let somebody in");
    if (history.inGroup(visit.group) >= maxClientsPerAddress)
      throw new Violation("more clients of one address were let in than may be");
    visit.admittedMs = visit.quietSinceMs = visit.toldMs = nowMs;
    this.history.clients++;
    const { ip, group, key } = visit;
    history.enter(visit.id, { ip, group, key, isSeen: !visit.isWatcher }, nowMs);
  }

  #replyEnded({ visit, history }: Connection): void {
    const heartbeat = visit.heartbeats.shift();
    if (!heartbeat) throw new Violation("a reply without a heartbeat");
    const { atMs: heartbeatMs, version: from } = heartbeat;
    visit.replies.push({ heartbeatMs, from, to: history.version });
    visit.repliesWritten++;
    visit.toldUpTo = history.version;
    visit.quietSinceMs = visit.toldMs = this.#world.clock.nowMs;
    visit.endWaits = true;
    this.#world.onReplied(visit, this);
  }

  #rejected(connection: Connection, message: string): void {
    const { visit } = connection;
    visit.rejected = { atMs: this.#world.clock.nowMs, message };
    this.#world.trace(() => `the server refuses ${visit.person.name}: ${message}`);
    this.#world.onRejected(visit, message, this);
    this.#leave(connection);
  }

  #leave({ visit, history }: Connection): void {
    if (visit.leftMs !== undefined) return;
    const { nowMs } = this.#world.clock;
    visit.leftMs = nowMs;
    if (visit.admittedMs === undefined) return;
    this.#world.trace(() => `${visit.person.name} left "${visit.person.network}"`);
    this.history.clients--;
    history.leave(visit.id, nowMs);
  }

  #turnLater(): void {
    this.#turning = this.#world.clock.in(WHEEL_STEP_MS, () => {
      if (!this.#isPaused) this.#turn();
    });
  }

  #turn(): void {
    const { nowMs } = this.#world.clock;
    const byMs = nowMs - this.#lastTurnMs - WHEEL_STEP_MS;
    if (byMs > this.#late.byMs || nowMs - this.#late.atMs > LATENESS_MEMORY_MS) {
      this.#late = { byMs: Math.max(0, byMs), atMs: nowMs };
    }
    this.#lastTurnMs = nowMs;
    if (this.#turning) this.#turning.isOff = true;
    this.#turnLater();
    if (byMs > WHEEL_STEP_MS) this.#world.clock.in(0, () => this.#turnHeart());
    else this.#turnHeart();
  }

  #turnHeart(): void {
    if (this.#isPaused || this.isGone) return;
    this.#heart.turn();
    this.#schedule();
  }

  #latenessMs(): number {
    return Math.max(this.#late.byMs, this.#world.clock.nowMs - this.#lastTurnMs - WHEEL_STEP_MS);
  }

  #schedule(): void {
    const dueMs = this.#heart.nextTickMs;
    if (this.isGone || this.#tickIsDue || dueMs >= this.#tickMs) return;
    if (this.#ticking) this.#ticking.isOff = true;
    const { clock } = this.#world;
    // A system timer counts whole milliseconds.
    const waitMs = Math.max(0, Math.ceil(dueMs - clock.nowMs));
    this.#tickMs = dueMs;
    this.#ticking = clock.in(waitMs, () => {
      this.#ticking = undefined;
      if (this.#isPaused) this.#tickIsDue = true;
      else this.#tick();
    });
  }

  #tick(): void {
    this.#tickIsDue = false;
    this.#tickMs = Number.POSITIVE_INFINITY;
    this.#heart.tick();
    this.#schedule();
  }
}

/** Whether a link that is full, or gone, excuses that a signal is neither passed on nor back. */
function mayWait({ sender, bearers }: ReadSignal): boolean {
  return [sender, ...bearers].some(
    ({ leftMs, blockedSinceMs }) => leftMs !== undefined || blockedSinceMs !== undefined,
  );
}
