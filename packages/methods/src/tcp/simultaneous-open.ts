import { setMaxListeners } from "node:events";
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
import { AnswerTries } from "../network/answer-tries.ts";
import { aborted } from "../network/cancellation.ts";
import { addressesOf, isContested, oneAtRandom } from "../network/contested-peers.ts";
import { endpointText } from "../network/endpoint-text.ts";
import { allTried } from "../network/found-paths.ts";
import { LeasedDials } from "./leased-dials.ts";
import { LocalPorts, type PortLease } from "./local-ports.ts";

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
  /** Others show the peer's identity: nobody ends it in the peer's name. */
  readonly isContested: boolean;
  onAnswer(port: number): void;
  onFailure(reason: string): void;
  /** The peer says so, or somebody in its name. */
  onRefusal(reason: string): void;
}

interface Answer {
  readonly peer: string;
  readonly isContested: boolean;
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

  /**
   * Resolves when all who answered are dialled or given up: after the first, where nobody else shows the identity.
   * Rejects with an `Error` that gives the reason.
   */
  async dial(
    attempt: DialAttempt,
    signal: AbortSignal,
    onPath: (path: RawPath<Duplex>) => void,
  ): Promise<void> {
    const { id, peer } = attempt;
    const lease = await this.#lease(peer);
    if (typeof lease === "string") throw new Error(`simultaneous open: ${lease}`);
    const either = AbortSignal.any([signal, this.#closing.signal]);
    // Each answer that is followed listens.
    setMaxListeners(0, either);
    const dials = new LeasedDials(lease, onPath);
    try {
      await this.#offer(attempt, lease, either, dials);
    } catch (error) {
      dials.end();
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
      this.#offerTo(from, attempt)?.onRefusal(reasonOf(message));
      const answer = this.#answers.get(answerKey(from.identity, attempt));
      if (!answer?.isContested) answer?.abort.abort();
    }
  }

  undeliverable(to: string): void {
    for (const { peer, onRefusal } of this.#offers.values())
      if (peer === to) onRefusal("the peer takes no signals");
    for (const { peer, isContested, abort } of this.#answers.values())
      if (peer === to && !isContested) abort.abort();
  }

  close(): void {
    this.#closing.abort();
    this.#ports.close();
  }

  /** @returns in words why these two cannot. */
  async #lease(peer: PeerTarget): Promise<PortLease | string> {
    const own = this.#facts?.publicAddress;
    const [address] = addressesOf(peer);
    if (address === undefined) return "the address of the peer is not known";
    if (this.#reachable(peer).length === 0 && own !== undefined)
      return `this machine is seen on IPv${isIPv6(own) ? 6 : 4}, the peer on IPv${isIPv6(address) ? 6 : 4}`;
    return this.#ports.lease(peer.identity, this.#facts);
  }

  /** Those of the family in which the own port is known. */
  #reachable(peer: PeerTarget): string[] {
    const own = this.#facts?.publicAddress;
    return addressesOf(peer).filter((address) => own === undefined || isIPv6(own) === isIPv6(address));
  }

  /** A peer names no more than a port: the address is the roster's, and nobody else is sent anything (spec 9.5.4). */
  #remotes(peer: PeerTarget, port: number): Endpoint[] {
    const addresses = this.#reachable(peer);
    const { allowed, refused } = allowedTargets({
      candidates: addresses.map((address) => ({ address, port })),
      peerAddress: addresses[0],
      otherAddresses: addresses.slice(1),
      ownPublicAddress: this.#facts?.publicAddress,
      ownLocalAddress: this.#facts?.localAddress,
    });
    if (allowed.length === 0) throw new Error(`simultaneous open: ${refused[0]?.reason}`);
    return allowed;
  }

  async #offer(
    attempt: DialAttempt,
    lease: PortLease,
    signal: AbortSignal,
    dials: LeasedDials,
  ): Promise<void> {
    const { id, peer } = attempt;
    const contested = isContested(peer);
    let sentAtMs = 0;
    const offer = () => {
      sentAtMs = performance.now();
      this.#signal(peer.identity, id, "offer", { port: lease.publicPort });
    };
    const repeating = setInterval(offer, OFFER_AGAIN_MS);
    const meetings = new AnswerTries();
    const onAnswer = (port: number) => {
      if (!contested) clearInterval(repeating);
      const answer = `${port}`;
      // Who answers again has not heard that it begins.
      if (meetings.isUnderWay(answer)) this.#signal(peer.identity, id, "go");
      meetings.follow(answer, async (displaced) => {
        try {
          await this.#meet(attempt, port, sentAtMs, AbortSignal.any([signal, displaced]), dials);
        } catch (error) {
          if (contested) attempt.note((error as Error).message);
          throw error;
        }
      });
    };
    try {
      const answered = this.#answersTo(attempt, signal, onAnswer);
      offer();
      await answered;
      clearInterval(repeating);
      await allTried(() => meetings.all);
    } finally {
      clearInterval(repeating);
      this.#offers.delete(id);
    }
  }

  /** Resolves with the first answer; where others show the peer's identity, when the time for answers is over. */
  #answersTo(attempt: DialAttempt, signal: AbortSignal, onAnswer: (port: number) => void) {
    const { id, peer } = attempt;
    const contested = isContested(peer);
    return new Promise<void>((resolve, reject) => {
      let isAnswered = false;
      const finish = (settle: () => void) => {
        clearTimeout(timer);
        signal.removeEventListener("abort", onAbort);
        settle();
      };
      const fail = (reason: string) => finish(() => reject(new Error(`simultaneous open: ${reason}`)));
      const onAbort = () => finish(() => reject(aborted()));
      const timer = setTimeout(
        () => (isAnswered ? finish(resolve) : fail("the peer does not answer")),
        AGREEMENT_MS,
      );
      signal.addEventListener("abort", onAbort, { once: true });
      this.#offers.set(id, {
        peer: peer.identity,
        isContested: contested,
        onAnswer: (port) => {
          isAnswered = true;
          onAnswer(port);
          if (!contested) finish(resolve);
        },
        onFailure: fail,
        onRefusal: (reason) => (contested ? attempt.note(`simultaneous open: ${reason}`) : fail(reason)),
      });
      if (signal.aborted) onAbort();
    });
  }

  /** Who answered is at one of the addresses that the roster has for the identity. */
  async #meet(
    attempt: DialAttempt,
    port: number,
    offeredAtMs: number,
    signal: AbortSignal,
    dials: LeasedDials,
  ): Promise<void> {
    const { id, peer } = attempt;
    const remotes = this.#remotes(peer, port);
    const roundTripMs = performance.now() - offeredAtMs;
    attempt.note(`simultaneous open agreed on within ${Math.round(roundTripMs)} ms`);
    this.#signal(peer.identity, id, "go");
    // So both begin at the same time: neither packet may reach a router that does not expect it yet.
    const waitMs = Math.min(MAX_HEAD_START_MS, roundTripMs / 2);
    await sleep(waitMs, undefined, { signal }).catch(() => Promise.reject(aborted()));
    for (const remote of remotes)
      attempt.candidate(`tcp ${endpointText(remote.address, remote.port)}, simultaneous open`);
    await dials.dial(remotes, signal);
  }

  #onOffer(from: PeerTarget, message: PeerSignal): void {
    // It may come before the roster's news about its sender; it will be repeated.
    if (addressesOf(from).length === 0) return;
    const key = answerKey(from.identity, message.attempt);
    const known = this.#answers.get(key);
    if (known) {
      if (known.lease)
        this.#signal(from.identity, message.attempt, "answer", { port: known.lease.publicPort });
      return;
    }
    if (!this.#hasRoomFor(from)) {
      this.#signal(from.identity, message.attempt, "fail", { reason: "too many attempts at once" });
      return;
    }
    const answer: Answer = {
      peer: from.identity,
      isContested: isContested(from),
      abort: new AbortController(),
      onGo: () => {},
    };
    this.#answers.set(key, answer);
    void this.#answer(from, message, answer).finally(() => {
      if (this.#answers.get(key) === answer) this.#answers.delete(key);
    });
  }

  /** Where others show the peer's identity, there is: whoever offers most keeps nobody out (spec 9.11.6). */
  #hasRoomFor(from: PeerTarget): boolean {
    const ofPeer = [...this.#answers].filter(([, { peer }]) => peer === from.identity);
    if (this.#answers.size < MAX_ANSWERED_ATTEMPTS && ofPeer.length < MAX_ANSWERED_ATTEMPTS_OF_PEER)
      return true;
    const displaced = isContested(from) ? oneAtRandom(ofPeer) : undefined;
    if (!displaced) return false;
    const [key, { abort }] = displaced;
    this.#answers.delete(key);
    abort.abort();
    return true;
  }

  async #answer(from: PeerTarget, message: PeerSignal, answer: Answer): Promise<void> {
    const { attempt } = message;
    const signal = AbortSignal.any([answer.abort.signal, this.#closing.signal]);
    let lease: PortLease | string | undefined;
    let dials: LeasedDials | undefined;
    try {
      const remotes = this.#remotes(from, portOf(message));
      lease = await this.#leaseForAnswer(from);
      if (typeof lease === "string") throw new Error(lease);
      answer.lease = lease;
      dials = new LeasedDials(lease, (path) =>
        this.#host.accepted(path, { identity: from.identity, attempt }),
      );
      const begun = goOf(answer, signal);
      this.#signal(from.identity, attempt, "answer", { port: lease.publicPort });
      await begun;
      await dials.dial(remotes, signal);
    } catch (error) {
      dials?.end();
      if (!signal.aborted) this.#signal(from.identity, attempt, "fail", { reason: (error as Error).message });
    }
  }

  /** Where both offer at once and have but one port, the attempt of the smaller identity goes on (spec 9.6.5). */
  async #leaseForAnswer(from: PeerTarget): Promise<PortLease | string> {
    const lease = await this.#lease(from);
    if (typeof lease === "object" || this.#host.identity < from.identity) return lease;
    const own = [...this.#offers.values()].find(({ peer }) => peer === from.identity);
    if (!own || own.isContested) return lease;
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
