import { isIPv6 } from "node:net";
import type { Duplex } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import {
  allowedTargets,
  type DialAttempt,
  type Endpoint,
  type MethodHost,
  type NetworkFacts,
  type PeerSignal,
  type PeerTarget,
  type RawPath,
  safeText,
} from "@lekt/protocol";
import { aborted } from "../network/cancellation.ts";
import { endpointText } from "../network/endpoint-text.ts";
import { dialFromPort } from "./fixed-port-dial.ts";
import { LocalPorts, type PortLease } from "./local-ports.ts";
import { rawPath } from "./peer-socket.ts";

/** Signals are best effort: an offer is repeated until it is answered. */
const OFFER_AGAIN_MS = 1_000;
const AGREEMENT_MS = 5_000;
/** Half a round trip is waited for at most so long. */
const MAX_HEAD_START_MS = 1_000;
/** Attempts of peers that are answered at once, in all and of one peer (spec/limits.md). */
export const MAX_ANSWERED_ATTEMPTS = 32;
export const MAX_ANSWERED_ATTEMPTS_OF_PEER = 4;
const MAX_REASON_LENGTH = 200;

interface Offer {
  readonly peer: string;
  onAnswer(port: number): void;
  onFailure(reason: string): void;
}

interface Answer {
  readonly peer: string;
  readonly abort: AbortController;
  lease?: PortLease;
  /** The dialing peer begins now. */
  onGo(): void;
}

/**
 * Two peers behind address translators dial each other at the same time, each from the port of its connection
 * to the server, whose public number it tells the other (spec 9.6.3).
 */
export class SimultaneousOpen {
  readonly #host: MethodHost<Duplex>;
  readonly #ports = new LocalPorts();
  readonly #closing = new AbortController();
  /** By attempt. */
  readonly #offers = new Map<string, Offer>();
  /** By peer and attempt. */
  readonly #answers = new Map<string, Answer>();
  #facts: NetworkFacts | undefined;

  constructor(host: MethodHost<Duplex>) {
    this.#host = host;
  }

  learned(facts: NetworkFacts): void {
    this.#facts = facts;
  }

  /** Rejects with an `Error` that gives the reason. */
  async dial(attempt: DialAttempt, signal: AbortSignal): Promise<RawPath<Duplex>> {
    const { id, peer } = attempt;
    const lease = await this.#lease(peer);
    if (typeof lease === "string") throw new Error(`simultaneous open: ${lease}`);
    const either = AbortSignal.any([signal, this.#closing.signal]);
    try {
      const remote = await this.#agree(attempt, lease, either);
      attempt.candidate(`tcp ${endpointText(remote.address, remote.port)}, simultaneous open`);
      const socket = await dialFromPort(lease.local, remote, either);
      socket.once("close", lease.releaseLater);
      return rawPath(socket, "both");
    } catch (error) {
      lease.release();
      this.#signal(peer.identity, id, "fail", { reason: (error as Error).message });
      throw error;
    }
  }

  received(from: PeerTarget, message: PeerSignal): void {
    const { type, attempt } = message;
    if (type === "offer") this.#onOffer(from, message);
    else if (type === "go") this.#answers.get(answerKey(from.identity, attempt))?.onGo();
    else if (type === "answer") this.#offerTo(from, attempt)?.onAnswer(portOf(message));
    else if (type === "fail") {
      this.#offerTo(from, attempt)?.onFailure(reasonOf(message));
      this.#answers.get(answerKey(from.identity, attempt))?.abort.abort();
    }
  }

  undeliverable(to: string): void {
    for (const { peer, onFailure } of this.#offers.values())
      if (peer === to) onFailure("the peer takes no signals");
    for (const { peer, abort } of this.#answers.values()) if (peer === to) abort.abort();
  }

  close(): void {
    this.#closing.abort();
    this.#ports.close();
  }

  /** @returns in words why these two cannot. */
  async #lease({ identity, address }: PeerTarget): Promise<PortLease | string> {
    const own = this.#facts?.publicAddress;
    if (address === undefined) return "the address of the peer is not known";
    if (own !== undefined && isIPv6(own) !== isIPv6(address))
      return `this machine is seen on IPv${isIPv6(own) ? 6 : 4}, the peer on IPv${isIPv6(address) ? 6 : 4}`;
    return this.#ports.lease(identity, this.#facts);
  }

  /** The peer names no more than a port: the address is the roster's, and nobody else is sent anything (spec 9.5.4). */
  #remote({ address = "" }: PeerTarget, port: number): Endpoint {
    const { allowed, refused } = allowedTargets({
      candidates: [{ address, port }],
      peerAddress: address,
      ownPublicAddress: this.#facts?.publicAddress,
      ownLocalAddress: this.#facts?.localAddress,
    });
    const target = allowed[0];
    if (!target) throw new Error(`simultaneous open: ${refused[0]?.reason}`);
    return target;
  }

  async #agree(attempt: DialAttempt, lease: PortLease, signal: AbortSignal): Promise<Endpoint> {
    const { id, peer } = attempt;
    let sentAtMs = 0;
    const offer = () => {
      sentAtMs = performance.now();
      this.#signal(peer.identity, id, "offer", { port: lease.publicPort });
    };
    const repeating = setInterval(offer, OFFER_AGAIN_MS);
    try {
      const answered = this.#answerTo(id, peer.identity, signal);
      offer();
      const remote = this.#remote(peer, await answered);
      const roundTripMs = performance.now() - sentAtMs;
      attempt.note(`simultaneous open agreed on within ${Math.round(roundTripMs)} ms`);
      this.#signal(peer.identity, id, "go");
      // So both begin at the same time: neither packet may reach a router that does not expect it yet.
      const waitMs = Math.min(MAX_HEAD_START_MS, roundTripMs / 2);
      await sleep(waitMs, undefined, { signal }).catch(() => Promise.reject(aborted()));
      return remote;
    } finally {
      clearInterval(repeating);
    }
  }

  #answerTo(attempt: string, peer: string, signal: AbortSignal): Promise<number> {
    return new Promise((resolve, reject) => {
      const finish = (settle: () => void) => {
        clearTimeout(timer);
        signal.removeEventListener("abort", onAbort);
        this.#offers.delete(attempt);
        settle();
      };
      const fail = (reason: string) => finish(() => reject(new Error(`simultaneous open: ${reason}`)));
      const onAbort = () => finish(() => reject(aborted()));
      const timer = setTimeout(() => fail("the peer does not answer"), AGREEMENT_MS);
      signal.addEventListener("abort", onAbort, { once: true });
      this.#offers.set(attempt, { peer, onAnswer: (port) => finish(() => resolve(port)), onFailure: fail });
      if (signal.aborted) onAbort();
    });
  }

  #onOffer(from: PeerTarget, message: PeerSignal): void {
    // It may come before the roster's news about its sender; it will be repeated.
    if (from.address === undefined) return;
    const key = answerKey(from.identity, message.attempt);
    const known = this.#answers.get(key);
    if (known) {
      if (known.lease)
        this.#signal(from.identity, message.attempt, "answer", { port: known.lease.publicPort });
      return;
    }
    const ofPeer = [...this.#answers.values()].filter(({ peer }) => peer === from.identity).length;
    if (this.#answers.size >= MAX_ANSWERED_ATTEMPTS || ofPeer >= MAX_ANSWERED_ATTEMPTS_OF_PEER) {
      this.#signal(from.identity, message.attempt, "fail", { reason: "too many attempts at once" });
      return;
    }
    const answer: Answer = { peer: from.identity, abort: new AbortController(), onGo: () => {} };
    this.#answers.set(key, answer);
    void this.#answer(from, message, answer).finally(() => this.#answers.delete(key));
  }

  async #answer(from: PeerTarget, message: PeerSignal, answer: Answer): Promise<void> {
    const { attempt } = message;
    const signal = AbortSignal.any([answer.abort.signal, this.#closing.signal]);
    let lease: PortLease | string | undefined;
    try {
      const remote = this.#remote(from, portOf(message));
      lease = await this.#leaseForAnswer(from);
      if (typeof lease === "string") throw new Error(lease);
      const { publicPort, local, releaseLater } = lease;
      answer.lease = lease;
      const begun = goOf(answer, signal);
      this.#signal(from.identity, attempt, "answer", { port: publicPort });
      await begun;
      const socket = await dialFromPort(local, remote, signal);
      socket.once("close", releaseLater);
      this.#host.accepted(rawPath(socket, "both"), { identity: from.identity, attempt });
    } catch (error) {
      if (typeof lease === "object") lease.release();
      if (!signal.aborted) this.#signal(from.identity, attempt, "fail", { reason: (error as Error).message });
    }
  }

  /** Where both offer at once and have but one port, the attempt of the smaller identity goes on (spec 9.6.5). */
  async #leaseForAnswer(from: PeerTarget): Promise<PortLease | string> {
    const lease = await this.#lease(from);
    if (typeof lease === "object" || this.#host.identity < from.identity) return lease;
    const own = [...this.#offers.values()].find(({ peer }) => peer === from.identity);
    if (!own) return lease;
    own.onFailure("the peer dials at the same time, and there is one port for both");
    // The failed attempt gives its port back.
    await sleep(0);
    return this.#lease(from);
  }

  #offerTo(from: PeerTarget, attempt: string): Offer | undefined {
    const offer = this.#offers.get(attempt);
    return offer?.peer === from.identity ? offer : undefined;
  }

  #signal(to: string, attempt: string, type: string, rest: Record<string, unknown> = {}): void {
    if (this.#closing.signal.aborted && type !== "fail") return;
    this.#host.signal(to, { v: 1, type, attempt, method: "tcp", ...rest });
  }
}

function answerKey(peer: string, attempt: string): string {
  return `${peer} ${attempt}`;
}

function goOf(answer: Answer, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const finish = (settle: () => void) => {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
      settle();
    };
    const onAbort = () => finish(() => reject(aborted()));
    const timer = setTimeout(
      () => finish(() => reject(new Error("the offer went no further"))),
      AGREEMENT_MS,
    );
    signal.addEventListener("abort", onAbort, { once: true });
    answer.onGo = () => finish(resolve);
    if (signal.aborted) onAbort();
  });
}

/** Whether it is a port is judged with the address. */
function portOf({ port }: PeerSignal): number {
  return typeof port === "number" ? port : 0;
}

function reasonOf({ reason }: PeerSignal): string {
  return typeof reason === "string"
    ? `the peer says: ${safeText(reason.slice(0, MAX_REASON_LENGTH))}`
    : "the peer gave up";
}
