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
  /** What happened to connections, and how much of that was handed over. */
  #events: (() => void)[] = [];
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

  happens(event: (heart: Rendezvous) => void): void {
    if (this.#events.push(() => event(this.#heart)) === 1) setImmediate(() => this.#handOver());
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
    const events = this.#events;
    const end = Math.min(this.#handedOver + EVENTS_PER_TURN, events.length);
    while (this.#handedOver < end) this.#act(events[this.#handedOver++] as () => void);
    if (this.#handedOver < events.length) {
      setImmediate(() => this.#handOver());
      return;
    }
    this.#events = [];
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
    return this.#events.length === 0 && this.#heart.nextTickMs === Number.POSITIVE_INFINITY;
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
  #visitor: Visitor | undefined;

  constructor(loop: HeartLoop, number: number, habits: Habits) {
    this.address = addressOf(number);
    this.#loop = loop;
    this.#number = number;
    this.#holds = habits.holds ?? false;
    loop.happens((heart) => {
      this.#visitor = heart.connected(this);
    });
    this.#send(introduction(number, habits));
  }

  beat(): void {
    this.#send(HEARTBEAT);
  }

  update(): void {
    this.#send(update(this.#number));
  }

  leave(): void {
    this.#loop.happens((heart) => {
      if (this.#visitor) heart.disconnected(this.#visitor);
      this.#visitor = undefined;
    });
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

  #send(bytes: Uint8Array): void {
    this.#loop.happens((heart) => {
      if (this.#visitor) heart.receive(this.#visitor, bytes, 0);
    });
  }
}
