import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { fromHex, LektError, type MethodHost, type PeerSignal, type PeerTarget } from "@lekt/protocol";
import { isContested, oneAtRandom } from "../network/contested-peers.ts";
import { oneAtLeast } from "../network/found-paths.ts";
import { addressIn, pathOf, type RelayAccess } from "./relay-access.ts";
import type { RelayAddress } from "./relay-address.ts";
import { GIVEN_UP, keyOf, LEFT, RelayAttempt } from "./relay-attempt.ts";
import { answerSignal, failSignal, readOffer } from "./relay-signals.ts";

export interface RelayOfferLimits {
  readonly maxOffers: number;
  readonly maxOffersPerPeer: number;
}

/** The other side has to come in 10 s or the relay refuses; so long a connection and the answer may take. */
const FOLLOW_TIMEOUT_MS = 15_000;

/** Follows peers to the relays at which they wait (spec 9.8). */
export class RelayOffers {
  readonly #access: RelayAccess;
  readonly #limits: RelayOfferLimits;
  /** By peer and attempt. */
  readonly #underWay = new Map<string, RelayAttempt>();

  constructor(access: RelayAccess, limits: RelayOfferLimits) {
    this.#access = access;
    this.#limits = limits;
  }

  /** A peer waits at a relay. */
  offered(host: MethodHost<Duplex>, from: PeerTarget, message: PeerSignal): void {
    const key = keyOf(from.identity, message.attempt);
    const offer = readOffer(message);
    // Who is not in the roster is not answered (spec 9.5.5).
    if (!offer || from.payload === undefined) return;
    const known = this.#underWay.get(key);
    if (known) {
      // It is followed once; the answer may have been lost, or lost its place among others.
      if (known.circuit) host.signal(from.identity, answerSignal(message.attempt, known.circuit));
      return;
    }
    const refuse = (reason: string) => host.signal(from.identity, failSignal(message.attempt, reason));
    const address = this.#access.relayFor(offer);
    if (!address) {
      refuse("this peer knows no relay of its server");
      return;
    }
    if (!this.#hasRoomFor(from)) {
      refuse("too many connections by the relay are under way");
      return;
    }
    const underWay = new RelayAttempt(from);
    this.#underWay.set(key, underWay);
    const timer = setTimeout(
      () => underWay.end("LEKT_TIMEOUT", "The relay did not answer."),
      FOLLOW_TIMEOUT_MS,
    );
    const ways = [this.#follow(address, offer.token, underWay)];
    if (offer.wantsAnswer) ways.push(this.#answer(host, from, message.attempt, underWay));
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
        if (this.#underWay.get(key) === underWay) this.#underWay.delete(key);
      });
  }

  /** Where others show the peer's identity, there is: whoever offers most keeps nobody out (spec 9.11.6). */
  #hasRoomFor(from: PeerTarget): boolean {
    const { maxOffers, maxOffersPerPeer } = this.#limits;
    const ofPeer = [...this.#underWay].filter(([, { identity }]) => identity === from.identity);
    if (this.#underWay.size < maxOffers && ofPeer.length < maxOffersPerPeer) return true;
    const displaced = isContested(from) ? oneAtRandom(ofPeer) : undefined;
    if (!displaced) return false;
    const [key, underWay] = displaced;
    this.#underWay.delete(key);
    underWay.displaced();
    return true;
  }

  async #follow(address: RelayAddress, token: Uint8Array, underWay: RelayAttempt): Promise<Socket> {
    if (underWay.isContested) await this.#access.turns.take(underWay.cancellation);
    return this.#access.connect(address, token, underWay.cancellation, this.#access.namedBy);
  }

  /** Waits at a circuit of its own, which only who dials is told of. */
  async #answer(
    host: MethodHost<Duplex>,
    from: PeerTarget,
    attempt: string,
    underWay: RelayAttempt,
  ): Promise<Socket> {
    const { cancellation } = underWay;
    if (underWay.isContested) await this.#access.turns.take(cancellation);
    const circuit = await host.circuit();
    const address = addressIn(circuit);
    if (cancellation.aborted) throw new LektError("LEKT_ABORTED", GIVEN_UP);
    underWay.circuit = circuit;
    host.signal(from.identity, answerSignal(attempt, circuit));
    return this.#access.connect(address, fromHex(circuit.token) as Uint8Array, cancellation, "server");
  }

  /** @param key see `keyOf` */
  peerGone(key: string, reason: string): void {
    this.#underWay.get(key)?.peerGone(reason);
  }

  close(): void {
    for (const underWay of this.#underWay.values()) underWay.end("LEKT_CLOSED", LEFT);
  }
}
