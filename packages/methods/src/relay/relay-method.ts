import type { Duplex } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import {
  type ConnectionMethod,
  type DialAttempt,
  equalBytes,
  fromHex,
  LektError,
  METHOD,
  type MethodHost,
  type MethodReport,
  type NetworkFacts,
  type PeerSignal,
  type PeerTarget,
  type RawPath,
  safeText,
  toHex,
} from "@lekt/protocol";
import { AnswerTries } from "../network/answer-tries.ts";
import { allTried, FoundPaths } from "../network/found-paths.ts";
import { circuitRoundTripMs } from "./circuit-round-trip.ts";
import { addressIn, pathOf, RelayAccess } from "./relay-access.ts";
import { formatRelayAddress, type RelayAddress } from "./relay-address.ts";
import { GIVEN_UP, keyOf, LEFT, RelayAttempt } from "./relay-attempt.ts";
import { RelayOffers } from "./relay-offers.ts";
import { failSignal, offerSignal, readOffer, readReason } from "./relay-signals.ts";

export interface RelayMethodOptions {
  /**
   * Whether a peer may lead here to relays other than the own server's, which then learn this machine's address.
   * Default false (spec/methods.md, 3).
   */
  readonly foreignRelays?: boolean;
  /** Offers of peers that are followed at once. Default 256. */
  readonly maxOffers?: number;
  /** Of one peer. Default 64. */
  readonly maxOffersPerPeer?: number;
}

/** Where others show the peer's identity, all who are there have answered by then. */
const ANSWERS_MS = 5_000;

/** The offer is repeated: the peer may hear of it before it hears of who sends it (spec 9.5.5). */
const OFFER_INTERVAL_MS = 500;
const OFFER_REPEATS = 10;

/** What is asked for a report. */
const REPORT_TIMEOUT_MS = 10_000;

/**
 * The connection method `relay`: peers meet at a relay. It works wherever both reach the server, and everything passes
 * the relay, encrypted (spec 9.8).
 */
export function relay(options: RelayMethodOptions = {}): ConnectionMethod<Duplex> {
  return new RelayMethod(options);
}

class RelayMethod implements ConnectionMethod<Duplex> {
  readonly name = "relay";
  readonly index = METHOD.relay;
  readonly relayed = true;
  #host: MethodHost<Duplex> | undefined;
  readonly #access: RelayAccess;
  /** What is under way, by peer and attempt. */
  readonly #dials = new Map<string, RelayAttempt>();
  readonly #offers: RelayOffers;
  readonly #closing = new AbortController();

  constructor({ foreignRelays = false, maxOffers = 256, maxOffersPerPeer = 64 }: RelayMethodOptions) {
    this.#access = new RelayAccess(foreignRelays);
    this.#offers = new RelayOffers(this.#access, { maxOffers, maxOffersPerPeer });
  }

  async start(host: MethodHost<Duplex>): Promise<Uint8Array> {
    this.#host = host;
    return new Uint8Array(0);
  }

  learned(facts: NetworkFacts): void {
    this.#access.facts = facts;
  }

  obstacle({ payload }: PeerTarget): string | undefined {
    if (this.#access.ownRelay === undefined) return "the server has no relay";
    return payload ? undefined : "the peer does not use relays";
  }

  async dial(attempt: DialAttempt): Promise<RawPath<Duplex>> {
    this.#started();
    if (attempt.signal.aborted) throw new LektError("LEKT_ABORTED", GIVEN_UP);
    const { peer, id } = attempt;
    const underWay = new RelayAttempt(peer);
    const abort = () => underWay.end("LEKT_ABORTED", GIVEN_UP);
    attempt.signal.addEventListener("abort", abort, { once: true });
    const key = keyOf(peer.identity, id);
    this.#dials.set(key, underWay);
    const paths = new FoundPaths();
    const finish = (error = new LektError("LEKT_CONNECT", GIVEN_UP)) => {
      attempt.signal.removeEventListener("abort", abort);
      this.#dials.delete(key);
      paths.end(error);
    };
    this.#meet(attempt, underWay, paths).then(() => finish(), finish);
    return paths.first;
  }

  /** Resolves when the path is there; where others show the peer's identity, when all who answer were met. */
  async #meet(attempt: DialAttempt, underWay: RelayAttempt, paths: FoundPaths): Promise<void> {
    const host = this.#started();
    const { id } = attempt;
    const { identity } = attempt.peer;
    const wantsAnswer = underWay.isContested;
    const answered = new AnswerTries();
    const meet = async (address: RelayAddress, circuit: MetCircuit, cancellation: AbortSignal) => {
      attempt.candidate(`relay ${formatRelayAddress(address)}`);
      try {
        const { token, namedBy } = circuit;
        const connected = this.#access.connect(address, token, cancellation, namedBy);
        paths.push(pathOf(await underWay.unlessEnded(connected)));
      } catch (error) {
        if (wantsAnswer) attempt.note((error as Error).message);
        throw error;
      }
    };
    let offers = 0;
    let repeating: NodeJS.Timeout | undefined;
    try {
      const circuit = await underWay.unlessEnded(host.circuit());
      const address = addressIn(circuit);
      const offer = () => {
        host.signal(identity, offerSignal(id, circuit, { wantsAnswer }));
        if (++offers > OFFER_REPEATS) clearInterval(repeating);
      };
      repeating = setInterval(offer, OFFER_INTERVAL_MS);
      offer();
      const token = fromHex(circuit.token) as Uint8Array;
      const meeting = meet(address, { token, namedBy: "server" }, underWay.cancellation);
      meeting.catch(() => {});
      if (wantsAnswer) {
        underWay.onRefusal = (reason) => attempt.note(reason);
        underWay.onAnswer = (answer) => {
          const relay = this.#access.relayFor(answer);
          if (!relay || equalBytes(answer.token, token)) return;
          const named = { token: answer.token, namedBy: this.#access.namedBy };
          answered.follow(toHex(answer.token), async (displaced) => {
            const cancellation = AbortSignal.any([underWay.cancellation, displaced]);
            await this.#access.turns.take(cancellation);
            await meet(relay, named, cancellation);
          });
        };
        await underWay.unlessEnded(sleep(ANSWERS_MS, undefined, { signal: underWay.cancellation }));
      }
      await allTried(() => [meeting, ...answered.all]);
    } catch (error) {
      const told = underWay.error ?? (error as LektError);
      // The other side would wait at the relay.
      if (offers > 0 && !underWay.isPeerGone) host.signal(identity, failSignal(id, told.message));
      throw told;
    } finally {
      clearInterval(repeating);
    }
  }

  received(from: PeerTarget, message: PeerSignal): void {
    const key = keyOf(from.identity, message.attempt);
    if (message.type === "offer") this.#offers.offered(this.#started(), from, message);
    if (message.type === "answer") {
      const answer = readOffer(message);
      if (answer) this.#dials.get(key)?.onAnswer?.(answer);
    }
    if (message.type !== "fail") return;
    const reason = safeText(readReason(message));
    const told = `The peer cannot be reached by the relay: ${reason}`;
    this.#dials.get(key)?.peerGone(told);
    this.#offers.peerGone(key, told);
  }

  undeliverable(to: string): void {
    for (const underWay of this.#dials.values()) {
      if (underWay.identity === to) underWay.peerGone("The peer is not there to be told of the relay.");
    }
  }

  /** Takes a circuit from the server, and meets itself on it. */
  async report(): Promise<MethodReport> {
    const method = this.name;
    const relay = this.#access.ownRelay;
    if (relay === undefined) return { method, reach: "none", reason: "the server has no relay" };
    const timeout = AbortSignal.timeout(REPORT_TIMEOUT_MS);
    try {
      const circuit = await this.#started().circuit();
      const signal = AbortSignal.any([timeout, this.#closing.signal]);
      const token = fromHex(circuit.token) as Uint8Array;
      const connect = (ended: AbortSignal) =>
        this.#access.connect(addressIn(circuit), token, ended, "server");
      const roundTripMs = await circuitRoundTripMs(connect, signal);
      return { method, reach: "relayed", relay: circuit.relay, roundTripMs };
    } catch (error) {
      const reason = timeout.aborted ? `the relay ${relay} does not answer` : (error as Error).message;
      return { method, reach: "none", relay, reason };
    }
  }

  async close(): Promise<void> {
    this.#closing.abort();
    for (const underWay of this.#dials.values()) underWay.end("LEKT_CLOSED", LEFT);
    this.#offers.close();
  }

  #started(): MethodHost<Duplex> {
    if (this.#host) return this.#host;
    throw new LektError("LEKT_CLOSED", "The method relay is used before its room has started it.");
  }
}

/** Where a peer is met. */
interface MetCircuit {
  readonly token: Uint8Array;
  readonly namedBy: "server" | "peer";
}
