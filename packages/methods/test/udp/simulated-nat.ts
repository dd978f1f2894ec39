import type { Endpoint } from "@lekt/protocol";
import { type Random, VirtualClock } from "@lekt/testkit";

/**
 * N no translator, F full cone, A address-restricted, P port-restricted, S symmetric: how a translator maps a
 * socket to an outer port (S: anew for each destination) and whom it lets in.
 */
export const NAT_LETTERS = ["N", "F", "A", "P", "S"] as const;
export type NatLetter = (typeof NAT_LETTERS)[number];

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
  readonly #random: Random;

  constructor(address: string, letter: NatLetter, random: Random) {
    this.address = address;
    this.letter = letter;
    this.#random = random;
  }

  /** @returns the outer port from which it leaves. */
  translateOut(inner: number, to: Endpoint): number {
    if (this.letter === "N") return inner;
    const key = this.letter === "S" ? `${inner} ${to.address} ${to.port}` : `${inner}`;
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
    return letter === "F" || mapping?.sentTo.has(key) ? mapping?.inner : undefined;
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

  send(host: SimulatedHost, inner: number, to: Endpoint, bytes: Uint8Array): void {
    const from = { address: host.address, port: host.translateOut(inner, to) };
    this.sentTo.set(to.address, (this.sentTo.get(to.address) ?? 0) + 1);
    if (this.#random.below(100) < this.#lossPercent) return;
    this.clock.in(this.#delayMs, () => {
      const receiver = this.#hosts.get(to.address);
      const port = receiver?.translateIn(to.port, from);
      if (port !== undefined) receiver?.sockets.get(port)?.(from, bytes);
    });
  }
}
