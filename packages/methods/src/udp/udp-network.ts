import { randomBytes, randomInt } from "node:crypto";
import type { Duplex } from "node:stream";
import {
  type Endpoint,
  type MethodReport,
  type NatMapping,
  type NetworkFacts,
  type RawPath,
  scopedAddress,
} from "@lekt/protocol";
import UDX from "udx-native";
import { endpointText } from "../network/endpoint-text.ts";
import { ownAddresses } from "../network/own-addresses.ts";
import { PortMapping } from "../port-mapping/port-mapping.ts";
import { ownCandidates } from "./candidates.ts";
import type { NatObservation } from "./nat-observer.ts";
import { PortSearches } from "./port-searches.ts";
import type { PunchedHole } from "./punch-run.ts";
import { StrangerPackets } from "./stranger-packets.ts";
import { resolveStunServers } from "./stun-servers.ts";
import { SECRET_BYTES, type UdpDescription } from "./udp-signal.ts";
import { UdpSocket } from "./udp-socket.ts";
import { UdxDuplex } from "./udx-duplex.ts";

/** Translators keep an unused mapping for 30 s and more. */
const OBSERVATION_FRESH_MS = 15_000;

export interface UdpNetworkOptions {
  /** Default: true. */
  readonly portMapping: boolean;
}

/** The own end of the network: sockets, what is known of how they are seen from outside, and streams over them. */
export class UdpNetwork {
  readonly udx = new UDX();
  readonly cookieKey = randomBytes(32);
  readonly searches = new PortSearches();
  readonly strangerPackets = new StrangerPackets();
  readonly #options: UdpNetworkOptions;
  /** Carries all streams but those from later rounds and of the many-socket method. */
  readonly #main: UdpSocket;
  readonly #streams = new Set<number>();
  readonly #observations = new Map<
    UdpSocket,
    { readonly atMs: number; readonly seen: Promise<NatObservation> }
  >();
  #facts: NetworkFacts | undefined;
  #mapping: PortMapping | undefined;
  #mappedPort: number | undefined;

  constructor(options: UdpNetworkOptions) {
    this.#options = options;
    this.#main = new UdpSocket(this.udx);
  }

  get facts(): NetworkFacts | undefined {
    return this.#facts;
  }

  learned(facts: NetworkFacts): void {
    // A socket for both families tells IPv4 addresses as IPv6.
    const normal = (address: string | undefined) => scopedAddress(address)?.text ?? address;
    const { publicAddress, localAddress } = facts;
    this.#facts = { ...facts, publicAddress: normal(publicAddress), localAddress: normal(localAddress) };
    this.#observations.clear();
    void this.#observe(this.#main);
    if (!this.#options.portMapping || this.#mapping || this.#isPublic) return;
    this.#mapping = new PortMapping({
      transport: "udp",
      port: this.#main.port,
      onChange: (mapped) => {
        this.#mappedPort = mapped?.port;
      },
    });
  }

  /** To be given back by `release`. @throws where the machine has no socket to give. */
  socketOf(round: number): UdpSocket {
    return round === 0 ? this.#main : new UdpSocket(this.udx);
  }

  /** Streams over it live on. */
  release(socket: UdpSocket): void {
    if (socket === this.#main) return;
    this.#observations.delete(socket);
    void socket.close();
  }

  async describe(socket: UdpSocket, round: number): Promise<UdpDescription> {
    const { nat, reflexive } = await this.#observe(socket);
    return {
      round,
      secret: randomBytes(SECRET_BYTES).toString("hex"),
      stream: this.#newStreamId(),
      nat,
      candidates: ownCandidates({
        port: socket.port,
        reflexive,
        mappedPort: socket === this.#main ? this.#mappedPort : undefined,
        facts: this.#facts,
        hasIpv6: socket.hasIpv6,
      }),
    };
  }

  /** @param ids of the stream, on either side. */
  openPath({ socket, remote }: PunchedHole, ids: { own: number; peer: number }): RawPath<Duplex> {
    if (this.#streams.has(ids.own)) throw new Error("the id of the stream is in use");
    const stream = this.udx.createStream(ids.own);
    socket.carry(stream, ids.peer, remote);
    this.#streams.add(ids.own);
    stream.once("close", () => this.#streams.delete(ids.own));
    const isSameMachine = remote.address === this.#facts?.publicAddress;
    const localAddress = isSameMachine ? remote.address : this.#facts?.localAddress;
    return {
      stream: new UdxDuplex(stream),
      dialled: "both",
      local: endpointText(localAddress, socket.port),
      remote: endpointText(remote.address, remote.port),
      relayed: false,
    };
  }

  /** Waits for STUN responders and routers. */
  async report(): Promise<Omit<MethodReport, "method">> {
    const [{ nat: observed, reflexive: seenAt }, portMapping] = await Promise.all([
      this.#observe(this.#main),
      this.#mapping?.report() ?? ({ state: this.#options.portMapping ? "unneeded" : "off" } as const),
    ]);
    const isOwn = ({ address, port }: Endpoint) => port === this.#main.port && isOwnAddress(address);
    const nat = seenAt.some(isOwn) ? "none" : observed;
    const hasWayIn = seenAt.length > 0 || portMapping.state === "mapped" || this.#isPublic;
    return {
      reach: nat !== "blocked" && hasWayIn ? "agreed" : "local",
      reason: this.#lackOf(nat),
      nat,
      seenAt,
      portMapping,
    };
  }

  async close(): Promise<void> {
    const { isIdle } = this.#main;
    const closed = this.#main.close();
    await this.#mapping?.close();
    // With streams on it, it closes after the last of them.
    if (isIdle) await closed;
  }

  /** Whether the server sees this machine at an address of its own. */
  get #isPublic(): boolean {
    return isOwnAddress(this.#facts?.publicAddress);
  }

  /** In words: why nothing or too little is known of the kind of NAT. */
  #lackOf(nat: NatMapping): string | undefined {
    if (nat === "blocked") return "no STUN responder of the server answers";
    if (nat !== "unknown") return undefined;
    return this.#facts?.stun.length
      ? "too few of the server's STUN responders answer"
      : "the server names no STUN responder";
  }

  #observe(socket: UdpSocket): Promise<NatObservation> {
    const known = this.#observations.get(socket);
    const nowMs = performance.now();
    if (known && nowMs - known.atMs < OBSERVATION_FRESH_MS) return known.seen;
    const seen = resolveStunServers(this.#facts).then((servers) => socket.observer.observe(servers));
    this.#observations.set(socket, { atMs: nowMs, seen });
    return seen;
  }

  /** udx asks for no more than that it is free, but who guesses it can break a path. */
  #newStreamId(): number {
    let id: number;
    do id = randomInt(1, 2 ** 32);
    while (this.#streams.has(id));
    return id;
  }
}

function isOwnAddress(address: string | undefined): boolean {
  return ownAddresses().some(({ text }) => text === address);
}
