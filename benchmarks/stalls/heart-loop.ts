import { randomBytes } from "node:crypto";
import { WHEEL_STEP_MS } from "../../packages/server/src/deadline-wheel.ts";
import { EventLog } from "../../packages/server/src/event-log.ts";
import { resolveOptions } from "../../packages/server/src/options.ts";
import { Rendezvous } from "../../packages/server/src/rendezvous.ts";
import type { Link, Visitor } from "../../packages/server/src/visitor.ts";
import { addressOf } from "../harness/member.ts";
import { ROOMY } from "./roomy.ts";
import { endsReply, type Habits, HEARTBEAT, introduction, update } from "./wire.ts";

/** So many sockets that are ready are looked after before timers and what is due at once. */
const EVENTS_PER_TURN = 64;

/**
 * The heart on the real event loop, without sockets: what calls it, and when, is as in `create-server.ts`, and
 * its links take all that they are given.
 */
export class HeartLoop {
  readonly #heart: Rendezvous;
  readonly #wheelTimer: NodeJS.Timeout;
  #nowMs = performance.now();
  /** To whom something happened, what came from it (nothing: it left), and how much of that was handed over. */
  #clients: HeartClient[] = [];
  #pieces: (Uint8Array | undefined)[] = [];
  #handedOver = 0;
  #tickTimer: NodeJS.Timeout | NodeJS.Immediate | undefined;
  #tickTimerMs = Number.POSITIVE_INFINITY;
  #skewSeconds = 0;
  #idle: (() => void) | undefined;

  /** @param tickMs so long changes are gathered. */
  constructor(tickMs?: number) {
    const surroundings = {
      nowMs: () => this.#nowMs,
      unixSeconds: () => Math.floor(Date.now() / 1_000) + this.#skewSeconds,
      random: (bytes: number) => randomBytes(bytes),
    };
    // The limit of file descriptors is none here.
    const options = {
      ...resolveOptions(tickMs === undefined ? ROOMY : { ...ROOMY, tickMs }),
      maxClients: ROOMY.maxClients,
    };
    this.#heart = new Rendezvous(options, surroundings, new EventLog(undefined));
    this.#wheelTimer = setInterval(() => this.#act(() => this.#heart.turn()), WHEEL_STEP_MS);
  }

  /** New clients, which are let in when `idle` says so. */
  join(first: number, count: number, habits: Habits): HeartClient[] {
    return Array.from({ length: count }, (_, i) => new HeartClient(this, first + i, habits));
  }

  /** The wall clock goes on, so that what was made for newcomers is too old. */
  skipSeconds(seconds: number): void {
    this.#skewSeconds += seconds;
  }

  /** @param bytes that come from it; undefined: it leaves. */
  happens(client: HeartClient, bytes: Uint8Array | undefined): void {
    this.#pieces.push(bytes);
    if (this.#clients.push(client) === 1) setImmediate(() => this.#handOver());
  }

  /** When all that happened has been handed over, and the heart has nothing to do any more. */
  async idle(): Promise<void> {
    if (!this.#isIdle())
      await new Promise<void>((resolve) => {
        this.#idle = resolve;
      });
  }

  stop(): void {
    clearInterval(this.#wheelTimer);
  }

  #handOver(): void {
    const clients = this.#clients;
    const end = Math.min(this.#handedOver + EVENTS_PER_TURN, clients.length);
    for (; this.#handedOver < end; this.#handedOver++) {
      const client = clients[this.#handedOver] as HeartClient;
      const bytes = this.#pieces[this.#handedOver];
      this.#act(() => client.tell(this.#heart, bytes));
    }
    if (this.#handedOver < clients.length) {
      setImmediate(() => this.#handOver());
      return;
    }
    this.#clients = [];
    this.#pieces = [];
    this.#handedOver = 0;
    this.#tellWhereIdle();
  }

  #act(deed: () => void): void {
    this.#nowMs = performance.now();
    deed();
    this.#schedule();
    this.#tellWhereIdle();
  }

  #tellWhereIdle(): void {
    if (!this.#idle || !this.#isIdle()) return;
    this.#idle();
    this.#idle = undefined;
  }

  #isIdle(): boolean {
    return this.#clients.length === 0 && this.#heart.nextTickMs === Number.POSITIVE_INFINITY;
  }

  #schedule(): void {
    const dueMs = this.#heart.nextTickMs;
    if (dueMs >= this.#tickTimerMs) return;
    clearTimeout(this.#tickTimer as NodeJS.Timeout);
    clearImmediate(this.#tickTimer as NodeJS.Immediate);
    this.#tickTimerMs = dueMs;
    const tick = () => {
      this.#tickTimerMs = Number.POSITIVE_INFINITY;
      this.#act(() => this.#heart.tick());
    };
    const waitMs = dueMs - this.#nowMs;
    this.#tickTimer = waitMs <= 0 ? setImmediate(tick) : setTimeout(tick, Math.ceil(waitMs));
  }
}

/** A client that takes all at once, and asks again when it was answered, if it holds. */
export class HeartClient implements Link {
  readonly address: string;
  readonly port = 40_000;
  readonly localAddress = "127.0.0.1";
  /** How many replies it got. */
  replies = 0;
  readonly #loop: HeartLoop;
  readonly #number: number;
  readonly #holds: boolean;
  readonly #update: Uint8Array;
  #visitor: Visitor | undefined;

  constructor(loop: HeartLoop, number: number, habits: Habits) {
    this.address = addressOf(number);
    this.#loop = loop;
    this.#number = number;
    this.#holds = habits.holds ?? false;
    this.#update = update(number);
    loop.happens(this, introduction(number, habits));
  }

  beat(): void {
    this.#loop.happens(this, HEARTBEAT);
  }

  update(): void {
    this.#loop.happens(this, this.#update);
  }

  leave(): void {
    this.#loop.happens(this, undefined);
  }

  /** The next that happens to it is told to the heart. */
  tell(heart: Rendezvous, bytes: Uint8Array | undefined): void {
    this.#visitor ??= heart.connected(this);
    if (!this.#visitor) throw new Error(`client ${this.#number} was turned away`);
    if (bytes) heart.receive(this.#visitor, bytes, 0);
    else heart.disconnected(this.#visitor);
  }

  write(parts: readonly Uint8Array[]): boolean {
    const last = parts.at(-1);
    if (last && endsReply(last)) {
      this.replies++;
      if (this.#holds) this.beat();
    }
    return true;
  }

  end(): void {
    throw new Error(`client ${this.#number} was refused`);
  }

  destroy(): void {
    throw new Error(`client ${this.#number} was dropped`);
  }
}
