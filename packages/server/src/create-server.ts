import { randomBytes } from "node:crypto";
import { createServer as createNetServer, type Server, type Socket } from "node:net";
import { LektError } from "@lekt/protocol";
import { WHEEL_STEP_MS } from "./deadline-wheel.ts";
import { EventLog } from "./event-log.ts";
import { addressOf, openPort } from "./listener.ts";
import { type ResolvedOptions, resolveOptions, type ServerOptions } from "./options.ts";
import { PortServices } from "./port-services.ts";
import { Rendezvous } from "./rendezvous.ts";
import { Slab } from "./slab.ts";
import { type SocketEvents, SocketLink } from "./socket-link.ts";
import type { Link } from "./visitor.ts";

/** A LEKT server. */
export interface LektServer {
  /**
   * Opens the port.
   * @throws LektError `LEKT_ADDRESS_IN_USE`, `LEKT_LISTEN` for another reason (also where it listens already, or was
   * closed), `LEKT_CLOSED` where it is closed meanwhile.
   */
  listen(): Promise<void>;
  /** Where it listens; undefined while it does not. */
  readonly address: { readonly host: string; readonly port: number } | undefined;
  /** The UDP ports on which it answers STUN (spec 8.3): its own number and another one, or none. */
  readonly stunPorts: readonly number[];
  readonly counts: { readonly clients: number; readonly networks: number };
  /** Ends at once: every connection is cut. */
  close(): Promise<void>;
  /** Ends in order: everybody gets a Reject `shutdown`, and a second to read it. */
  drain(): Promise<void>;
}

/** @throws LektError `LEKT_OPTION` that names the option and the value. */
export function createServer(options: ServerOptions = {}): LektServer {
  return new TcpServer(resolveOptions(options));
}

/** How long a late turn of the wheel counts in favour of clients (spec 5.14). */
const LATENESS_MEMORY_MS = 5_000;
/** Time stamps are whole seconds (spec 5.11): so late may a new one begin. */
const WALL_CLOCK_STEP_MS = 50;
const ENDS_PER_TURN = 64;
/** A TCP port that is free has a number that a UDP socket may have: so often another one is tried. */
const MAX_FREE_PORTS = 16;
/** Why a server does not listen a second time. */
const ONCE_ONLY = {
  listening: "This server listens already.",
  stopped: "This server was closed. Create another one to listen again.",
} as const;

/** The rim: sockets, timers and the clock around the heart. */
class TcpServer implements LektServer {
  readonly #options: ResolvedOptions;
  readonly #log: EventLog;
  readonly #heart: Rendezvous;
  readonly #services: PortServices;
  #listener: Server;
  #state: "new" | "listening" | "stopped" = "new";
  #wheelTimer: NodeJS.Timeout | undefined;
  #tickTimer: NodeJS.Timeout | NodeJS.Immediate | undefined;
  #tickTimerMs = Number.POSITIVE_INFINITY;
  #nowMs = performance.now();
  #unixSeconds = Math.floor(Date.now() / 1_000);
  #wallClockUntilMs = Number.NEGATIVE_INFINITY;
  #lastTurnMs = 0;
  #late = { byMs: 0, atMs: 0 };
  #closed: (() => void) | undefined;
  /** Their clients have ended their side. */
  #ending: Link[] = [];

  readonly #socketEvents: SocketEvents = {
    received: (visitor, bytes) => {
      this.#readClock();
      this.#heart.receive(visitor, bytes, this.#latenessMs());
      this.#schedule();
    },
    writable: (visitor) => {
      this.#readClock();
      this.#heart.writable(visitor);
      this.#schedule();
    },
    ended: (visitor) => {
      this.#readClock();
      this.#heart.departed(visitor);
      this.#schedule();
      if (this.#ending.push(visitor.link) === 1) setImmediate(() => this.#endSome());
    },
    closed: (visitor) => {
      this.#readClock();
      this.#heart.disconnected(visitor);
      this.#schedule();
      if (this.#heart.connections === 0) this.#closed?.();
    },
  };

  constructor(options: ResolvedOptions) {
    this.#options = options;
    this.#log = new EventLog(options.logger);
    this.#services = new PortServices(options, this.#log);
    const randomness = new Slab(randomBytes);
    const surroundings = {
      nowMs: () => this.#nowMs,
      unixSeconds: () => this.#unixSeconds,
      random: (bytes: number) => randomness.take(bytes),
      services: this.#services,
      act: (deed: () => void) => {
        this.#readClock();
        deed();
        this.#schedule();
      },
    };
    this.#heart = new Rendezvous(options, surroundings, this.#log);
    this.#listener = this.#newListener();
  }

  #newListener(): Server {
    return createNetServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.#accept(socket));
  }

  get address(): { host: string; port: number } | undefined {
    return addressOf(this.#listener);
  }

  get stunPorts(): readonly number[] {
    return this.#services.stunPorts;
  }

  get counts(): { clients: number; networks: number } {
    return { clients: this.#heart.clients, networks: this.#heart.networks };
  }

  async listen(): Promise<void> {
    if (this.#state !== "new") throw new LektError("LEKT_LISTEN", ONCE_ONLY[this.#state]);
    this.#state = "listening";
    try {
      await this.#open();
    } catch (error) {
      this.#listener.close();
      if (this.#state === "listening") {
        this.#state = "new";
        this.#listener = this.#newListener();
      }
      throw error;
    }
    this.#listener.on("error", (error) => this.#log.acceptFailed(error));
    const shown = this.address as { host: string; port: number };
    this.#log.listening(shown.host, shown.port, this.#options.maxClients, this.stunPorts);
    this.#readClock();
    this.#lastTurnMs = this.#nowMs;
    this.#wheelTimer = setInterval(() => this.#turn(), WHEEL_STEP_MS);
  }

  /** TCP, and UDP on the same number. */
  async #open(): Promise<void> {
    const { host, port } = this.#options;
    for (let attempt = 1; ; attempt++) {
      await openPort(this.#listener, host, port, () => this.#state === "stopped");
      const { host: address, port: opened } = this.address as { host: string; port: number };
      try {
        await this.#services.open(address, opened);
        return;
      } catch (error) {
        const isTaken = error instanceof LektError && error.code === "LEKT_ADDRESS_IN_USE";
        if (port !== 0 || !isTaken || attempt === MAX_FREE_PORTS) throw error;
      }
      this.#listener.close();
      this.#listener = this.#newListener();
    }
  }

  async close(): Promise<void> {
    this.#readClock();
    const stopped = this.#stopListening();
    this.#heart.destroy();
    await Promise.all([stopped, this.#services.close()]);
  }

  async drain(): Promise<void> {
    this.#readClock();
    const stopped = this.#stopListening();
    this.#heart.stop();
    this.#schedule();
    await Promise.all([stopped, this.#services.drain()]);
  }

  /** @returns when the last connection is gone. */
  async #stopListening(): Promise<void> {
    this.#state = "stopped";
    if (this.#listener.listening) this.#listener.close();
    if (this.#heart.connections > 0) {
      await new Promise<void>((resolve) => {
        const before = this.#closed;
        this.#closed = () => {
          before?.();
          resolve();
        };
      });
    }
    clearInterval(this.#wheelTimer);
    this.#cancelTick();
  }

  #accept(socket: Socket): void {
    this.#readClock();
    const link = new SocketLink(socket, this.#socketEvents);
    const visitor = this.#heart.connected(link);
    if (visitor) link.attach(visitor);
  }

  /** To close a socket costs Node.js ten times what it costs to read: so many clients that leave at once are closed in a turn. */
  #endSome(): void {
    for (const link of this.#ending.splice(0, ENDS_PER_TURN)) link.end();
    if (this.#ending.length > 0) setImmediate(() => this.#endSome());
  }

  /** Once for each event: all that the heart does then happens at that moment. */
  #readClock(): void {
    this.#nowMs = performance.now();
    if (this.#nowMs < this.#wallClockUntilMs) return;
    this.#wallClockUntilMs = this.#nowMs + WALL_CLOCK_STEP_MS;
    this.#unixSeconds = Math.floor(Date.now() / 1_000);
  }

  #turn(): void {
    this.#readClock();
    const nowMs = this.#nowMs;
    const byMs = nowMs - this.#lastTurnMs - WHEEL_STEP_MS;
    if (byMs > this.#late.byMs || nowMs - this.#late.atMs > LATENESS_MEMORY_MS) {
      this.#late = { byMs: Math.max(0, byMs), atMs: nowMs };
    }
    this.#lastTurnMs = nowMs;
    // What came while this process was late is read first: nobody was silent because nobody listened (spec 5.15).
    if (byMs > WHEEL_STEP_MS) setImmediate(() => this.#turnHeart());
    else this.#turnHeart();
  }

  #turnHeart(): void {
    this.#readClock();
    this.#heart.turn();
    this.#schedule();
  }

  /** By how much this process was late of late, the present moment included. */
  #latenessMs(): number {
    return Math.max(this.#late.byMs, this.#nowMs - this.#lastTurnMs - WHEEL_STEP_MS);
  }

  /** Sees to it that the heart ticks when it wants to. */
  #schedule(): void {
    const dueMs = this.#heart.nextTickMs;
    if (dueMs >= this.#tickTimerMs) return;
    this.#cancelTick();
    this.#tickTimerMs = dueMs;
    const waitMs = dueMs - this.#nowMs;
    // At once means behind the events that are at hand, so that one tick takes them all.
    if (waitMs <= 0) this.#tickTimer = setImmediate(() => this.#tick());
    else this.#tickTimer = setTimeout(() => this.#tick(), Math.ceil(waitMs));
  }

  #tick(): void {
    this.#tickTimer = undefined;
    this.#tickTimerMs = Number.POSITIVE_INFINITY;
    this.#readClock();
    this.#heart.tick();
    this.#schedule();
  }

  #cancelTick(): void {
    clearTimeout(this.#tickTimer as NodeJS.Timeout);
    clearImmediate(this.#tickTimer as NodeJS.Immediate);
    this.#tickTimer = undefined;
    this.#tickTimerMs = Number.POSITIVE_INFINITY;
  }
}
