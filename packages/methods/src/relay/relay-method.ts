import { setMaxListeners } from "node:events";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import {
  type Cancellation,
  type Circuit,
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
  serviceObstacle,
  toHex,
} from "@lekt/protocol";
import { AnswerTries } from "../network/answer-tries.ts";
import { isContested, oneAtRandom } from "../network/contested-peers.ts";
import { allTried, FoundPaths, oneAtLeast } from "../network/found-paths.ts";
import { RandomTurns } from "../network/random-turns.ts";
import { connectCircuit } from "./circuit-connection.ts";
import { circuitRoundTripMs } from "./circuit-round-trip.ts";
import { formatRelayAddress, parseRelayAddress, type RelayAddress } from "./relay-address.ts";
import {
  answerSignal,
  failSignal,
  offerSignal,
  type RelayOffer,
  readOffer,
  readReason,
} from "./relay-signals.ts";

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

/** The other side has to come in 10 s or the relay refuses; so long a connection and the answer may take. */
const FOLLOW_TIMEOUT_MS = 15_000;

/** Where others show the peer's identity, all who are there have answered by then. */
const ANSWERS_MS = 5_000;

/** The offer is repeated: the peer may hear of it before it hears of who sends it (spec 9.5.5). */
const OFFER_INTERVAL_MS = 500;
const OFFER_REPEATS = 10;

/** What is asked for a report. */
const REPORT_TIMEOUT_MS = 10_000;

/** Between connections for an identity that several show: a relay takes 32 a second of one address (spec/limits.md). */
const CONTESTED_INTERVAL_MS = 40;

const GIVEN_UP = "Connecting by the relay was given up.";

/** Peers meet at a relay: it works wherever both reach the server, and everything passes the relay, encrypted. */
export function relay(options: RelayMethodOptions = {}): ConnectionMethod<Duplex> {
  return new RelayMethod(options);
}

class RelayMethod implements ConnectionMethod<Duplex> {
  readonly name = "relay";
  readonly index = METHOD.relay;
  readonly relayed = true;
  readonly #options: Required<RelayMethodOptions>;
  #host: MethodHost<Duplex> | undefined;
  #facts: NetworkFacts | undefined;
  /** What is under way, by peer and attempt; to abort one ends it. */
  readonly #dials = new Map<string, UnderWay>();
  readonly #offers = new Map<string, UnderWay>();
  readonly #turns = new RandomTurns(CONTESTED_INTERVAL_MS);
  readonly #closing = new AbortController();

  constructor(options: RelayMethodOptions) {
    this.#options = { foreignRelays: false, maxOffers: 256, maxOffersPerPeer: 64, ...options };
  }

  async start(host: MethodHost<Duplex>): Promise<Uint8Array> {
    this.#host = host;
    return new Uint8Array(0);
  }

  learned(facts: NetworkFacts): void {
    this.#facts = facts;
  }

  /** host:port of the own server's. */
  get #relay(): string | undefined {
    return this.#facts?.relay;
  }

  obstacle({ payload }: PeerTarget): string | undefined {
    if (this.#relay === undefined) return "the server has no relay";
    return payload ? undefined : "the peer does not use relays";
  }

  async dial(attempt: DialAttempt): Promise<RawPath<Duplex>> {
    this.#started();
    if (attempt.signal.aborted) throw new LektError("LEKT_ABORTED", GIVEN_UP);
    const { peer, id } = attempt;
    const underWay = new UnderWay(peer);
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
  async #meet(attempt: DialAttempt, underWay: UnderWay, paths: FoundPaths): Promise<void> {
    const host = this.#started();
    const { id } = attempt;
    const { identity } = attempt.peer;
    const wantsAnswer = underWay.isContested;
    const answered = new AnswerTries();
    const meet = async (address: RelayAddress, circuit: MetCircuit, cancellation: AbortSignal) => {
      attempt.candidate(`relay ${formatRelayAddress(address)}`);
      try {
        const { token, namedBy } = circuit;
        const connected = this.#connect(address, token, cancellation, namedBy);
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
          const relay = this.#relayFor(answer);
          if (!relay || equalBytes(answer.token, token)) return;
          const named = { token: answer.token, namedBy: this.#namedBy };
          answered.follow(toHex(answer.token), async (displaced) => {
            const cancellation = AbortSignal.any([underWay.cancellation, displaced]);
            await this.#turns.take(cancellation);
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
    if (message.type === "offer") this.#offered(from, message, key);
    if (message.type === "answer") {
      const answer = readOffer(message);
      if (answer) this.#dials.get(key)?.onAnswer?.(answer);
    }
    if (message.type !== "fail") return;
    const reason = safeText(readReason(message));
    for (const attempts of [this.#dials, this.#offers]) {
      attempts.get(key)?.peerGone(`The peer cannot be reached by the relay: ${reason}`);
    }
  }

  undeliverable(to: string): void {
    for (const underWay of this.#dials.values()) {
      if (underWay.identity === to) underWay.peerGone("The peer is not there to be told of the relay.");
    }
  }

  /** Takes a circuit from the server, and meets itself on it. */
  async report(): Promise<MethodReport> {
    const method = this.name;
    const relay = this.#relay;
    if (relay === undefined) return { method, reach: "none", reason: "the server has no relay" };
    const timeout = AbortSignal.timeout(REPORT_TIMEOUT_MS);
    try {
      const circuit = await this.#started().circuit();
      const signal = AbortSignal.any([timeout, this.#closing.signal]);
      const token = fromHex(circuit.token) as Uint8Array;
      const connect = (ended: AbortSignal) => this.#connect(addressIn(circuit), token, ended, "server");
      const roundTripMs = await circuitRoundTripMs(connect, signal);
      return { method, reach: "relayed", relay: circuit.relay, roundTripMs };
    } catch (error) {
      const reason = timeout.aborted ? `the relay ${relay} does not answer` : (error as Error).message;
      return { method, reach: "none", relay, reason };
    }
  }

  async close(): Promise<void> {
    this.#closing.abort();
    for (const attempts of [this.#dials, this.#offers]) {
      for (const underWay of attempts.values()) underWay.end("LEKT_CLOSED", "The room was left.");
    }
  }

  #started(): MethodHost<Duplex> {
    if (this.#host) return this.#host;
    throw new LektError("LEKT_CLOSED", "The method relay is used before its room has started it.");
  }

  #offered(from: PeerTarget, message: PeerSignal, key: string): void {
    const host = this.#started();
    const offer = readOffer(message);
    // Who is not in the roster is not answered (spec 9.5.5).
    if (!offer || from.payload === undefined) return;
    const known = this.#offers.get(key);
    if (known) {
      // It is followed once; the answer may have been lost, or lost its place among others.
      if (known.circuit) host.signal(from.identity, answerSignal(message.attempt, known.circuit));
      return;
    }
    const refuse = (reason: string) => host.signal(from.identity, failSignal(message.attempt, reason));
    const address = this.#relayFor(offer);
    if (!address) {
      refuse("this peer knows no relay of its server");
      return;
    }
    if (!this.#hasRoomFor(from)) {
      refuse("too many connections by the relay are under way");
      return;
    }
    const underWay = new UnderWay(from);
    this.#offers.set(key, underWay);
    const timer = setTimeout(
      () => underWay.end("LEKT_TIMEOUT", "The relay did not answer."),
      FOLLOW_TIMEOUT_MS,
    );
    const ways = [this.#follow(address, offer.token, underWay)];
    if (offer.wantsAnswer) ways.push(this.#answer(from, message.attempt, underWay));
    const by = { identity: from.identity, attempt: message.attempt };
    oneAtLeast(
      ways.map((way) => underWay.unlessEnded(way).then((socket) => host.accepted(pathOf(socket), by))),
    )
      .catch((error: Error) => {
        // Where others show the peer's identity, another one's failure is not the peer's: it offers again.
        if (!underWay.isPeerGone && !underWay.isContested) refuse(error.message);
      })
      .finally(() => {
        clearTimeout(timer);
        if (this.#offers.get(key) === underWay) this.#offers.delete(key);
      });
  }

  /** Where others show the peer's identity, there is: whoever offers most keeps nobody out (spec 9.11.6). */
  #hasRoomFor(from: PeerTarget): boolean {
    const { maxOffers, maxOffersPerPeer } = this.#options;
    const ofPeer = [...this.#offers].filter(([, { identity }]) => identity === from.identity);
    if (this.#offers.size < maxOffers && ofPeer.length < maxOffersPerPeer) return true;
    const displaced = isContested(from) ? oneAtRandom(ofPeer) : undefined;
    if (!displaced) return false;
    const [key, underWay] = displaced;
    this.#offers.delete(key);
    underWay.displaced();
    return true;
  }

  async #follow(address: RelayAddress, token: Uint8Array, underWay: UnderWay): Promise<Socket> {
    if (underWay.isContested) await this.#turns.take(underWay.cancellation);
    return this.#connect(address, token, underWay.cancellation, this.#namedBy);
  }

  /** Waits at a circuit of its own, which only who dials is told of. */
  async #answer(from: PeerTarget, attempt: string, underWay: UnderWay): Promise<Socket> {
    const host = this.#started();
    const { cancellation } = underWay;
    if (underWay.isContested) await this.#turns.take(cancellation);
    const circuit = await host.circuit();
    const address = addressIn(circuit);
    if (cancellation.aborted) throw new LektError("LEKT_ABORTED", GIVEN_UP);
    underWay.circuit = circuit;
    host.signal(from.identity, answerSignal(attempt, circuit));
    return this.#connect(address, fromHex(circuit.token) as Uint8Array, cancellation, "server");
  }

  /** Who names the relay of a peer's circuit. */
  get #namedBy(): "server" | "peer" {
    return this.#options.foreignRelays ? "peer" : "server";
  }

  #connect(
    relay: RelayAddress,
    token: Uint8Array,
    cancellation: Cancellation,
    namedBy: "server" | "peer",
  ): Promise<Socket> {
    const { publicAddress: ownPublicAddress, localAddress: ownLocalAddress } = this.#facts ?? {};
    return connectCircuit(relay, token, cancellation, (address) =>
      serviceObstacle({ address, namedBy, ownPublicAddress, ownLocalAddress }),
    );
  }

  /**
   * Where to follow an offer to. The own server's relay may have another name for the other peer: where foreign ones
   * are not allowed, that is the one to try, and nobody is led to any other address.
   */
  #relayFor({ relay }: RelayOffer): RelayAddress | undefined {
    const chosen = this.#options.foreignRelays ? relay : this.#relay;
    return chosen === undefined ? undefined : parseRelayAddress(chosen);
  }
}

/** Where a peer is met. */
interface MetCircuit {
  readonly token: Uint8Array;
  readonly namedBy: "server" | "peer";
}

/** An attempt that can be ended from outside, once. */
class UnderWay {
  readonly identity: string;
  /** Others show the peer's identity: nobody ends it in the peer's name. */
  readonly isContested: boolean;
  onAnswer: ((answer: RelayOffer) => void) | undefined;
  onRefusal: ((reason: string) => void) | undefined;
  /** Why it was ended. */
  error: LektError | undefined;
  /** The other side gave up, or may go on: it is told nothing. */
  isPeerGone = false;
  /** Where this side waits for who offered. */
  circuit: Circuit | undefined;
  readonly #controller = new AbortController();
  readonly #ended: Promise<never>;
  #reject: (error: LektError) => void = () => {};

  constructor(peer: PeerTarget) {
    this.identity = peer.identity;
    this.isContested = isContested(peer);
    // Each circuit that is followed listens.
    setMaxListeners(0, this.#controller.signal);
    this.#ended = new Promise((_, reject) => {
      this.#reject = reject;
    });
    this.#ended.catch(() => {});
  }

  /** Fired at its end. */
  get cancellation(): AbortSignal {
    return this.#controller.signal;
  }

  end(code: LektError["code"], message: string): void {
    if (this.error) return;
    this.error = new LektError(code, message);
    this.#controller.abort();
    this.#reject(this.error);
  }

  peerGone(message: string): void {
    if (this.isContested) {
      this.onRefusal?.(message);
      return;
    }
    this.isPeerGone = true;
    this.end("LEKT_CONNECT", message);
  }

  /** Another one takes its place; an offer that is repeated may get one again. */
  displaced(): void {
    this.isPeerGone = true;
    this.end("LEKT_ABORTED", GIVEN_UP);
  }

  /** What `work` gives, unless this is ended before. `work` ends by itself then, or is of no consequence. */
  unlessEnded<T>(work: Promise<T>): Promise<T> {
    return Promise.race([work, this.#ended]);
  }
}

function keyOf(identity: string, attempt: string): string {
  return `${identity} ${attempt}`;
}

/** @throws LektError where the server's word makes no sense. */
function addressIn({ relay, token }: Circuit): RelayAddress {
  const address = parseRelayAddress(relay);
  if (address && /^[0-9a-f]{64}$/.test(token)) return address;
  throw new LektError(
    "LEKT_PROTOCOL",
    `The server gives a circuit that cannot be used, at '${safeText(relay)}'.`,
  );
}

function pathOf(socket: Socket): RawPath<Duplex> {
  const { localAddress: host = "", localPort: port = 0, remoteAddress = "", remotePort = 0 } = socket;
  return {
    stream: socket,
    dialled: "both",
    local: formatRelayAddress({ host, port }),
    remote: formatRelayAddress({ host: remoteAddress, port: remotePort }),
    relayed: true,
  };
}
