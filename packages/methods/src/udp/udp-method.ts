import type { Duplex } from "node:stream";
import {
  type ConnectionMethod,
  type DialAttempt,
  decodeUdp,
  encodeUdp,
  LektError,
  METHOD,
  type MethodHost,
  type MethodReport,
  type NetworkFacts,
  type PeerSignal,
  type PeerTarget,
  type RawPath,
} from "@lekt/protocol";
import { aborted } from "../network/cancellation.ts";
import { addressesOf, isContested, oneAtRandom } from "../network/contested-peers.ts";
import { FoundPaths } from "../network/found-paths.ts";
import { UdpAcceptance } from "./udp-acceptance.ts";
import { UdpDial } from "./udp-dial.ts";
import { UdpNetwork, type UdpNetworkOptions } from "./udp-network.ts";
import { failSignal, readDescription } from "./udp-signal.ts";

/** Attempts of other peers at once: each may hold a socket and sends probes for some seconds. */
export const MAX_ACCEPTING = 256;
export const MAX_ACCEPTING_OF_A_PEER = 64;

/** Connects peers over UDP, through address translators where they let it (spec 9.7). */
export class UdpMethod implements ConnectionMethod<Duplex> {
  readonly name = "udp";
  readonly index = METHOD.udp;
  readonly relayed = false;
  readonly #options: UdpNetworkOptions;
  readonly #dials = new Map<string, UdpDial>();
  readonly #acceptances = new Map<string, UdpAcceptance>();
  #host: MethodHost<Duplex> | undefined;
  #network: UdpNetwork | undefined;

  constructor(options: UdpNetworkOptions) {
    this.#options = options;
  }

  async start(host: MethodHost<Duplex>): Promise<Uint8Array> {
    this.#host = host;
    try {
      this.#network = new UdpNetwork(this.#options);
    } catch (cause) {
      throw new LektError("LEKT_LISTEN", "This machine has no UDP socket to give.", { cause });
    }
    // No port is open to strangers: stream ids have to be agreed on first.
    return encodeUdp({ port: 0, endpoints: [] });
  }

  learned(facts: NetworkFacts): void {
    this.#network?.learned(facts);
  }

  obstacle({ payload }: PeerTarget): string | undefined {
    if (!payload) return "the peer does not offer udp";
    const decoded = decodeUdp(payload);
    return typeof decoded === "string" ? `what the peer says of udp is malformed: ${decoded}` : undefined;
  }

  async dial(attempt: DialAttempt): Promise<RawPath<Duplex>> {
    const { host, network } = this.#running();
    const dial = new UdpDial(network, host, attempt);
    this.#dials.set(attempt.id, dial);
    const paths = new FoundPaths();
    const finish = (error: Error = aborted()) => {
      this.#dials.delete(attempt.id);
      paths.end(error);
    };
    dial.run((path) => paths.push(path)).then(() => finish(), finish);
    return paths.first;
  }

  received(from: PeerTarget, message: PeerSignal): void {
    if (!this.#host || !this.#network) return;
    const { attempt, type } = message;
    const dial = this.#dials.get(attempt);
    if (dial?.peer === from.identity && type !== "offer") dial.received(message);
    else if (type === "offer") this.#accept(from, message);
    else if (type === "go") this.#acceptances.get(acceptanceKey(from, attempt))?.peerBegan(message["round"]);
    else if (type === "fail" && !isContested(from))
      this.#acceptances.get(acceptanceKey(from, attempt))?.stop();
  }

  undeliverable(to: string): void {
    for (const dial of this.#dials.values()) {
      if (dial.peer === to) dial.refused("the server could not pass the offer on to the peer");
    }
  }

  async report(): Promise<MethodReport> {
    const method = this.name;
    if (!this.#network) return { method, reach: "none", reason: "the room was left" };
    return { method, ...(await this.#network.report()) };
  }

  async close(): Promise<void> {
    for (const dial of this.#dials.values()) dial.fail("the room was closed");
    for (const acceptance of this.#acceptances.values()) acceptance.stop();
    const network = this.#network;
    this.#network = undefined;
    await network?.close();
  }

  #running(): { host: MethodHost<Duplex>; network: UdpNetwork } {
    if (!this.#host || !this.#network) throw aborted();
    return { host: this.#host, network: this.#network };
  }

  #accept(from: PeerTarget, message: PeerSignal): void {
    const { host, network } = this.#running();
    const { attempt } = message;
    const offer = readDescription(message);
    // Without its address in the roster nothing is known of where it may be; it offers again.
    if (!offer || addressesOf(from).length === 0) return;
    // Who else shows the identity takes nobody's place.
    const key = isContested(from)
      ? `${acceptanceKey(from, attempt)} ${offer.secret}`
      : acceptanceKey(from, attempt);
    const before = this.#acceptances.get(key);
    if (before && !before.isFollowedBy(offer)) return;
    // A later round takes the place of the one before.
    before?.stop();
    this.#acceptances.delete(key);
    if (!this.#hasRoomFor(from)) {
      host.signal(from.identity, failSignal(attempt, "too many attempts at once"));
      return;
    }
    const acceptance = new UdpAcceptance(network, host, { peer: from, attempt, offer });
    this.#acceptances.set(key, acceptance);
    void acceptance.run().finally(() => {
      if (this.#acceptances.get(key) === acceptance) this.#acceptances.delete(key);
    });
  }

  /** Where others show the peer's identity, there is: whoever offers most keeps nobody out (spec 9.11.6). */
  #hasRoomFor(from: PeerTarget): boolean {
    const others = [...this.#acceptances].filter(([, { isOpen }]) => !isOpen);
    const ofPeer = others.filter(([, { identity }]) => identity === from.identity);
    if (others.length < MAX_ACCEPTING && ofPeer.length < MAX_ACCEPTING_OF_A_PEER) return true;
    const displaced = isContested(from) ? oneAtRandom(ofPeer) : undefined;
    if (!displaced) return false;
    const [key, acceptance] = displaced;
    this.#acceptances.delete(key);
    acceptance.stop();
    return true;
  }
}

function acceptanceKey({ identity }: PeerTarget, attempt: string): string {
  return `${identity} ${attempt}`;
}
