import { randomBytes } from "node:crypto";
import { type AddressInfo, createServer as createNetServer, type Server, type Socket } from "node:net";
import { LektError } from "@lekt/protocol";
import { WHEEL_STEP_MS } from "./deadline-wheel.ts";
import { EventLog } from "./event-log.ts";
import { type ResolvedOptions, resolveOptions, type ServerOptions } from "./options.ts";
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
const BACKLOG = 4_096;
const ENDS_PER_TURN = 64;
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
  readonly #listener: Server;
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
    const randomness = new Slab(randomBytes);
    const surroundings = {
      nowMs: () => this.#nowMs,
      unixSeconds: () => this.#unixSeconds,
      random: (bytes: number) => randomness.take(bytes),
      act: (deed: () => void) => {
        this.#readClock();
        deed();
        this.#schedule();
      },
    };
    this.#heart = new Rendezvous(options, surroundings, this.#log);
    this.#listener = createNetServer({ allowHalfOpen: true, noDelay: true }, (socket) =>
      this.#accept(socket),
    );
  }

  get address(): { host: string; port: number } | undefined {
    const address = this.#listener.address() as AddressInfo | null;
    return address ? { host: address.address, port: address.port } : undefined;
  }

  get counts(): { clients: number; networks: number } {
    return { clients: this.#heart.clients, networks: this.#heart.networks };
  }

  async listen(): Promise<void> {
    if (this.#state !== "new") throw new LektError("LEKT_LISTEN", ONCE_ONLY[this.#state]);
    const { host, port, maxClients } = this.#options;
    const where = host === undefined ? { port } : { port, host };
    this.#state = "listening";
    await new Promise<void>((resolve, reject) => {
      const settle = (then: () => void) => {
        this.#listener.off("error", onError);
        this.#listener.off("close", onClose);
        then();
      };
      const onError = (error: NodeJS.ErrnoException) =>
        settle(() => {
          if (this.#state === "listening") this.#state = "new";
          reject(listenError(error, host, port));
        });
      const onClose = () =>
        settle(() => reject(new LektError("LEKT_CLOSED", "The server was closed before it listened.")));
      this.#listener.on("error", onError);
      this.#listener.on("close", onClose);
      this.#listener.listen({ ...where, backlog: BACKLOG }, () => {
        // Closed while the name of the host was looked up: its end is what `onClose` waits for.
        if (this.#state === "stopped") this.#listener.close();
        else settle(resolve);
      });
    });
    this.#listener.on("error", (error) => this.#log.acceptFailed(error));
    const shown = this.address as { host: string; port: number };
    this.#log.listening(shown.host, shown.port, maxClients);
    this.#readClock();
    this.#lastTurnMs = this.#nowMs;
    this.#wheelTimer = setInterval(() => this.#turn(), WHEEL_STEP_MS);
  }

  async close(): Promise<void> {
    this.#readClock();
    const stopped = this.#stopListening();
    this.#heart.destroy();
    await stopped;
  }

  async drain(): Promise<void> {
    this.#readClock();
    const stopped = this.#stopListening();
    this.#heart.stop();
    this.#schedule();
    await stopped;
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

function listenError(error: NodeJS.ErrnoException, host: string | undefined, port: number): LektError {
  const where = host === undefined ? `port ${port}` : `${host}, port ${port}`;
  if (error.code === "EADDRINUSE") {
    const message = `Cannot listen on ${where}: another program does already. Stop it or choose another port.`;
    return new LektError("LEKT_ADDRESS_IN_USE", message, { cause: error });
  }
  const why =
    error.code === "EACCES"
      ? "this user may not open it. Choose a port from 1024 up."
      : error.code === "EADDRNOTAVAIL" || error.code === "ENOTFOUND"
        ? "this machine has no such address. Choose one of its own, or none for all."
        : `${error.message}.`;
  return new LektError("LEKT_LISTEN", `Cannot listen on ${where}: ${why}`, { cause: error });
}
