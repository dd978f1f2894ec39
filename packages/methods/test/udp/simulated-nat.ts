import type { Endpoint } from "@lekt/protocol";
import { type Random, VirtualClock } from "@lekt/testkit";

/**
 * N no translator, F full cone, A address-restricted, P port-restricted, S symmetric: how a translator maps a
 * socket to an outer port (S: anew for each destination) and whom it lets in. L, leaky: like P, but who sends to a port
 * before its side has sent there takes it: packets to him leave by another one.
 */
export const NAT_LETTERS = ["N", "F", "A", "P", "S", "L"] as const;
export type NatLetter = (typeof NAT_LETTERS)[number];

/** A packet passes the own translator and two routers behind it before it comes to the one of the peer. */
const HOPS_TO_TRANSLATOR = 3;

type Receive = (from: Endpoint, bytes: Uint8Array) => void;

interface Mapping {
  readonly inner: number;
  readonly outer: number;
  readonly sentTo: Set<string>;
}

/** One machine behind a translator of its own; where there is none its inner ports are its outer ones. */
export class SimulatedHost {
  readonly address: string;
  readonly letter: NatLetter;
  readonly sockets = new Map<number, Receive>();
  readonly #mappings = new Map<string, Mapping>();
  readonly #outer = new Map<number, Mapping>();
  /** Of L: flows that others have begun. */
  readonly #taken = new Set<string>();
  readonly #random: Random;

  constructor(address: string, letter: NatLetter, random: Random) {
    this.address = address;
    this.letter = letter;
    this.#random = random;
  }

  /** @returns the outer port from which it leaves. */
  translateOut(inner: number, to: Endpoint): number {
    if (this.letter === "N") return inner;
    const flow = `${inner} ${to.address} ${to.port}`;
    const usual = this.#mappings.get(`${inner}`);
    const isTaken = usual !== undefined && this.#taken.has(`${usual.outer} ${to.address} ${to.port}`);
    const key = this.letter === "S" || isTaken ? flow : `${inner}`;
    let mapping = this.#mappings.get(key);
    if (!mapping) {
      let outer: number;
      do outer = this.#random.between(1_024, 65_535);
      while (this.#outer.has(outer));
      mapping = { inner, outer, sentTo: new Set() };
      this.#mappings.set(key, mapping);
      this.#outer.set(outer, mapping);
    }
    mapping.sentTo.add(to.address).add(`${to.address} ${to.port}`);
    return mapping.outer;
  }

  /** @returns the inner port, or undefined where the packet is not let in. */
  translateIn(outer: number, from: Endpoint): number | undefined {
    if (this.letter === "N") return outer;
    const mapping = this.#outer.get(outer);
    const { letter } = this;
    const key = letter === "A" ? from.address : `${from.address} ${from.port}`;
    if (letter === "F" || mapping?.sentTo.has(key)) return mapping?.inner;
    if (letter === "L") this.#taken.add(`${outer} ${key}`);
    return undefined;
  }
}

/** Hosts on one wide network with delay and loss, under a virtual clock. */
export class SimulatedInternet {
  readonly clock = new VirtualClock();
  readonly #hosts = new Map<string, SimulatedHost>();
  readonly #random: Random;
  readonly #delayMs: number;
  readonly #lossPercent: number;
  /** Packets that left a translator for this address. */
  readonly sentTo = new Map<string, number>();

  constructor(random: Random, { delayMs, lossPercent }: { delayMs: number; lossPercent: number }) {
    this.#random = random;
    this.#delayMs = delayMs;
    this.#lossPercent = lossPercent;
  }

  add(address: string, letter: NatLetter): SimulatedHost {
    const host = new SimulatedHost(address, letter, this.#random);
    this.#hosts.set(address, host);
    return host;
  }

  send(host: SimulatedHost, inner: number, to: Endpoint, bytes: Uint8Array, ttl = 64): void {
    if (ttl < 2) return;
    const from = { address: host.address, port: host.translateOut(inner, to) };
    this.sentTo.set(to.address, (this.sentTo.get(to.address) ?? 0) + 1);
    if (ttl <= HOPS_TO_TRANSLATOR || this.#random.below(100) < this.#lossPercent) return;
    this.clock.in(this.#delayMs, () => {
      const receiver = this.#hosts.get(to.address);
      const port = receiver?.translateIn(to.port, from);
      if (port !== undefined) receiver?.sockets.get(port)?.(from, bytes);
    });
  }
}
