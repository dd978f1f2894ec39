import { randomBytes } from "node:crypto";
import type { Logger } from "pino";
import { WHEEL_STEP_MS } from "../src/deadline-wheel.ts";
import { EventLog } from "../src/event-log.ts";
import { resolveOptions, type ServerOptions } from "../src/options.ts";
import { Rendezvous } from "../src/rendezvous.ts";
import type { Surroundings } from "../src/surroundings.ts";
import { FakeLink } from "./fake-link.ts";
import type { Person } from "./person.ts";
import { VirtualClient } from "./virtual-client.ts";

/** The heart of the server with a clock that stands still until a test moves it. */
export class VirtualServer {
  nowMs = 1_000;
  readonly heart: Rendezvous;
  #addresses = 0;
  #cut: VirtualClient[] = [];

  constructor(options: ServerOptions = {}, surroundings: Partial<Surroundings> = {}) {
    const resolved = resolveOptions(options);
    const clock = {
      nowMs: () => this.nowMs,
      unixSeconds: () => this.unixSeconds,
      random: (bytes: number) => randomBytes(bytes),
      ...surroundings,
    };
    this.heart = new Rendezvous(resolved, clock, new EventLog(options.logger as Logger | undefined));
  }

  get unixSeconds(): number {
    return 1_700_000_000 + Math.floor(this.nowMs / 1_000);
  }

  /** A new connection, by default from an address of its own: 10.0.0.1, 10.0.0.2 … */
  connect(address?: string, port?: number): VirtualClient {
    const n = ++this.#addresses;
    const link = new FakeLink(address ?? `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`, port);
    const client = new VirtualClient(this.heart, link);
    link.onDestroyed = () => this.#cut.push(client);
    return client;
  }

  /** A client that has gone through the setup. */
  join(person: Person, address?: string): VirtualClient {
    const client = this.connect(address);
    client.introduce(person);
    return client;
  }

  /** A client that has the roster, too. */
  settled(person: Person, address?: string): VirtualClient {
    const client = this.join(person, address);
    client.beat();
    this.settle();
    return client;
  }

  /** Lets the clock run: ticks and turns of the wheel come when they are due. */
  advance(ms: number): void {
    const untilMs = this.nowMs + ms;
    for (;;) {
      const turnMs = (Math.floor(this.nowMs / WHEEL_STEP_MS) + 1) * WHEEL_STEP_MS;
      const dueMs = Math.max(this.nowMs, Math.min(this.heart.nextTickMs, turnMs));
      if (dueMs > untilMs) break;
      this.nowMs = dueMs;
      if (this.heart.nextTickMs <= dueMs) this.heart.tick();
      if (dueMs === turnMs) this.heart.turn();
      this.#buryTheCut();
    }
    this.nowMs = untilMs;
    this.#buryTheCut();
  }

  /** Does what is due now, and lets a tick pass. */
  settle(): void {
    this.advance(20);
  }

  /** As a socket does: the end of a connection is told when the server is done with what it was at. */
  #buryTheCut(): void {
    const cut = this.#cut;
    this.#cut = [];
    for (const client of cut) client.close();
  }
}
