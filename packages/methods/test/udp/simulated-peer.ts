import { randomBytes } from "node:crypto";
import type { Endpoint } from "@lekt/protocol";
import { judgeAnswers, type NatObservation } from "../../src/udp/nat-observer.ts";
import type { PeerRole } from "../../src/udp/probe.ts";
import { Punch, type PunchEffect, type PunchTarget } from "../../src/udp/punch.ts";
import type { SimulatedHost, SimulatedInternet } from "./simulated-nat.ts";

const MAIN_PORT = 5_000;

export interface PeerPunch {
  readonly role: PeerRole;
  readonly attempt: string;
  readonly secret: Uint8Array;
  readonly targets: readonly PunchTarget[];
  readonly manySockets: "here" | "there" | "neither";
  readonly rosterAddress: string;
  readonly durationMs: number;
  readonly random: number;
}

/** A `Punch` on a simulated machine. Socket n has the inner port 5000 + n. */
export class SimulatedPeer {
  readonly host: SimulatedHost;
  readonly #internet: SimulatedInternet;
  punch: Punch | undefined;
  /** Undefined while it goes on. */
  outcome: (PunchEffect & { type: "open" | "gave-up" }) | undefined;
  openedAtMs = 0;

  constructor(internet: SimulatedInternet, host: SimulatedHost) {
    this.#internet = internet;
    this.host = host;
  }

  /** As two STUN ports at one address would see its main socket. */
  observe(server: string): NatObservation {
    const answers = [3_478, 3_479].map((port) => ({
      address: this.host.address,
      port: this.host.translateOut(MAIN_PORT, { address: server, port }),
    }));
    return judgeAnswers(answers);
  }

  begin(options: PeerPunch): void {
    const { clock } = this.#internet;
    this.punch = new Punch({
      ...options,
      openingTtl: 2,
      answersTo: () => 5,
      cookieKey: randomBytes(32),
      nowMs: clock.nowMs,
    });
    this.#listen(0);
    this.#schedule();
  }

  peerBegan(): void {
    this.punch?.peerBegan(this.#internet.clock.nowMs);
    this.#schedule();
  }

  get isDone(): boolean {
    return this.outcome !== undefined;
  }

  #listen(index: number): void {
    const port = MAIN_PORT + index;
    if (this.host.sockets.has(port)) return;
    this.host.sockets.set(port, (from, bytes) => this.#receive(index, from, bytes));
  }

  #receive(index: number, from: Endpoint, bytes: Uint8Array): void {
    this.#carryOut(this.punch?.receive(this.#internet.clock.nowMs, index, from, bytes) ?? []);
    this.#schedule();
  }

  #schedule(): void {
    const punch = this.punch as Punch;
    const { nextMs } = punch;
    if (nextMs === Number.POSITIVE_INFINITY) return;
    this.#internet.clock.at(nextMs, () => {
      // Brought forward or put off meanwhile: another appointment stands for it.
      if (punch.nextMs !== nextMs || this.isDone) return;
      this.#carryOut(punch.advance(this.#internet.clock.nowMs));
      this.#schedule();
    });
  }

  #carryOut(effects: readonly PunchEffect[]): void {
    for (const effect of effects) {
      if (effect.type === "send") {
        this.#listen(effect.socket);
        this.#internet.send(this.host, MAIN_PORT + effect.socket, effect.to, effect.bytes, effect.ttl);
      } else {
        this.outcome = effect;
        this.openedAtMs = this.#internet.clock.nowMs;
      }
    }
  }
}
