import { isIPv4 } from "node:net";
import type { Duplex } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import {
  allowedTargets,
  type ConnectionMethod,
  type DialAttempt,
  decodeListeningPorts,
  type Endpoint,
  encodeListeningPorts,
  equalBytes,
  LektError,
  MAX_ENDPOINTS,
  METHOD,
  type MethodHost,
  type MethodReport,
  type NetworkFacts,
  type PeerEntry,
  type PeerSignal,
  type PeerTarget,
  type PortMappingReport,
  type RawPath,
  type ScopedAddress,
  scopedAddress,
  type Target,
} from "@lekt/protocol";
import { aborted, abortSignal } from "../network/cancellation.ts";
import { endpointText } from "../network/endpoint-text.ts";
import { FoundPaths } from "../network/found-paths.ts";
import { furtherEndpoints, ownAddresses } from "../network/own-addresses.ts";
import type { MappedPort } from "../port-mapping/gateway.ts";
import { type GatewaySearch, PortMapping } from "../port-mapping/port-mapping.ts";
import { connectionRace } from "./connection-race.ts";
import { listenForPeers, type PeerListener } from "./peer-listener.ts";
import { rawPath } from "./peer-socket.ts";
import { SimultaneousOpen } from "./simultaneous-open.ts";

export interface TcpOptions {
  /** Address to listen at. Default: all of both families. */
  readonly host?: string;
  /** TCP port to listen on. Default 0: any that is free. */
  readonly port?: number;
  /** Asks the router by NAT-PMP or UPnP to open a port, where there is a router. Default: true. */
  readonly portMapping?: boolean;
  /** Connections of peers that are open at once; further ones are closed as they come. Default: 512. */
  readonly maxConnections?: number;
}

const MAX_CONNECTIONS = 512;
/** For the open ports of a peer, before a way in is agreed on by signals. */
const OPEN_PORT_HEAD_START_MS = 250;

export class TcpMethod implements ConnectionMethod<Duplex> {
  readonly name = "tcp";
  readonly index = METHOD.tcp;
  readonly relayed = false;
  readonly #options: TcpOptions;
  readonly #gateways: GatewaySearch | undefined;
  readonly #closing = new AbortController();
  #running: Running | undefined;
  #facts: NetworkFacts | undefined;
  #mapping: PortMapping | undefined;
  #mapped: MappedPort | undefined;
  #published: Uint8Array = new Uint8Array();

  /** @param gateways for tests; default: what the system and its network know */
  constructor(options: TcpOptions = {}, gateways?: GatewaySearch) {
    this.#options = options;
    this.#gateways = gateways;
  }

  async start(host: MethodHost<Duplex>): Promise<Uint8Array> {
    const listener = await listenForPeers({
      host: this.#options.host,
      port: this.#options.port ?? 0,
      maxConnections: this.#options.maxConnections ?? MAX_CONNECTIONS,
      onConnection: (socket) => host.accepted(rawPath(socket, "there")),
    });
    this.#running = { host, listener, simultaneousOpen: new SimultaneousOpen(host) };
    this.#published = this.#payload(this.#running);
    return this.#published;
  }

  learned(facts: NetworkFacts): void {
    const running = this.#started();
    this.#facts = { ...facts, localAddress: scopedAddress(facts.localAddress)?.text };
    running.simultaneousOpen.learned(this.#facts);
    if (!this.#mapping && this.#isBehindRouter(running)) this.#mapping = this.#mapPort(running);
    this.#publish();
  }

  obstacle({ payload }: PeerTarget): string | undefined {
    if (!payload) return "the peer does not offer tcp";
    return typeof decodeListeningPorts(payload) === "string"
      ? "what the peer says of tcp is malformed"
      : undefined;
  }

  async dial(attempt: DialAttempt): Promise<RawPath<Duplex>> {
    const wanted = AbortSignal.any([abortSignal(attempt.signal), this.#closing.signal]);
    const settled = new AbortController();
    const signal = AbortSignal.any([wanted, settled.signal]);
    const { others = [] } = attempt.peer;
    const paths = new FoundPaths();
    const push = (path: RawPath<Duplex>) => {
      paths.push(path);
      // Where nobody else shows the peer's identity, one path is enough.
      if (others.length === 0) settled.abort();
    };
    const entries = [attempt.peer, ...others];
    const throughOpenPorts = entries.map(async (entry, place) => {
      await hadTheirChance([], place * OPEN_PORT_HEAD_START_MS, signal);
      push(await this.#dialOpenPorts(attempt, entry, signal));
    });
    const agreed = hadTheirChance(throughOpenPorts, OPEN_PORT_HEAD_START_MS, signal).then(() =>
      this.#started().simultaneousOpen.dial(attempt, signal, push),
    );
    void Promise.allSettled([...throughOpenPorts, agreed]).then((ways) => {
      const reasons = ways.flatMap((way) =>
        way.status === "rejected" ? [(way.reason as Error).message] : [],
      );
      const text = `Cannot reach the peer by tcp: ${[...new Set(reasons)].join("; ")}.`;
      paths.end(wanted.aborted ? aborted() : new LektError("LEKT_CONNECT", text));
    });
    return paths.first;
  }

  received(from: PeerTarget, message: PeerSignal): void {
    this.#running?.simultaneousOpen.received(from, message);
  }

  undeliverable(to: string): void {
    this.#running?.simultaneousOpen.undeliverable(to);
  }

  async report(): Promise<MethodReport> {
    const portMapping = await this.#portMappingReport();
    const method = this.name;
    const address = scopedAddress(this.#facts?.publicAddress)?.text;
    if (address === undefined) {
      return { method, reach: "local", reason: "the server does not say where it sees this machine" };
    }
    const ports = decodeListeningPorts(this.#published);
    if (typeof ports !== "string" && ports.port !== 0) {
      return { method, reach: "open", openAt: { address, port: ports.port }, portMapping };
    }
    return { method, reach: "agreed", portMapping };
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#running?.simultaneousOpen.close();
    this.#running?.listener.close();
    await this.#mapping?.close();
  }

  #started(): Running {
    if (!this.#running) throw new Error("start() comes first");
    return this.#running;
  }

  async #dialOpenPorts(
    attempt: DialAttempt,
    entry: PeerEntry,
    signal: AbortSignal,
  ): Promise<RawPath<Duplex>> {
    const socket = await connectionRace(this.#targets(attempt, entry), {
      signal,
      onStart: ({ address, port, reach }) =>
        attempt.candidate(`tcp ${endpointText(address, port)}, ${reach}`),
      onFailure: ({ address, port }, error) =>
        attempt.note(`tcp ${endpointText(address, port)}: ${error.message}`),
    });
    return rawPath(socket, "here");
  }

  #targets(attempt: DialAttempt, { address: peerAddress, payload }: PeerEntry): Target[] {
    const ports = decodeListeningPorts(payload ?? new Uint8Array(2));
    if (typeof ports === "string") return [];
    const candidates: Endpoint[] = [...ports.endpoints];
    if (peerAddress !== undefined && ports.port !== 0)
      candidates.unshift({ address: peerAddress, port: ports.port });
    const { allowed, refused } = allowedTargets({
      candidates: candidates.filter((candidate) => !this.#isOwnListener(attempt, candidate)),
      peerAddress,
      ownPublicAddress: this.#facts?.publicAddress,
      ownLocalAddress: this.#facts?.localAddress,
    });
    for (const { candidate, reason } of refused)
      attempt.note(`tcp ${endpointText(candidate.address, candidate.port)} is not dialled: ${reason}`);
    return allowed;
  }

  /** Two machines may have the same private address, such as that of their containers, and the same port. */
  #isOwnListener(attempt: DialAttempt, { address, port }: Endpoint): boolean {
    const { listener } = this.#started();
    const scoped = scopedAddress(address);
    const isOwnOne = port === listener.port && !!scoped && takes(listener, scoped) && isOwn(scoped);
    if (isOwnOne)
      attempt.note(`tcp ${endpointText(address, port)} is not dialled: this machine listens there`);
    return isOwnOne;
  }

  #isBehindRouter({ listener }: Running): boolean {
    const { portMapping = true } = this.#options;
    const address = scopedAddress(this.#facts?.publicAddress);
    return portMapping && !!address && isIPv4(address.text) && takes(listener, address) && !isOwn(address);
  }

  async #portMappingReport(): Promise<PortMappingReport> {
    if (this.#mapping) return this.#mapping.report();
    return { state: this.#options.portMapping === false ? "off" : "unneeded" };
  }

  #mapPort({ listener }: Running): PortMapping {
    return new PortMapping({
      transport: "tcp",
      port: listener.port,
      ...(this.#gateways && { gateways: this.#gateways }),
      onChange: (mapped) => {
        this.#mapped = mapped;
        this.#publish();
      },
    });
  }

  #publish(): void {
    const running = this.#started();
    const payload = this.#payload(running);
    if (this.#closing.signal.aborted || equalBytes(payload, this.#published)) return;
    this.#published = payload;
    running.host.publish(payload);
  }

  #payload({ listener }: Running): Uint8Array {
    const publicAddress = scopedAddress(this.#facts?.publicAddress);
    const mapped = this.#mapped;
    const mappedScope = scopedAddress(mapped?.address)?.scope;
    const addresses = ownAddresses().filter((address) => takes(listener, address));
    const endpoints = furtherEndpoints(listener.port, addresses, publicAddress?.text);
    let port = 0;
    if (publicAddress && isOwn(publicAddress) && takes(listener, publicAddress)) port = listener.port;
    // A gateway with a private address is behind another router; the server then sees that one's address.
    else if (mapped && mappedScope === "global" && isIPv4(publicAddress?.text ?? "")) port = mapped.port;
    else if (mapped && mappedScope !== "never") endpoints.unshift(mapped);
    return encodeListeningPorts({ port, endpoints: endpoints.slice(0, MAX_ENDPOINTS) });
  }
}

interface Running {
  readonly host: MethodHost<Duplex>;
  readonly listener: PeerListener;
  readonly simultaneousOpen: SimultaneousOpen;
}

/** Whether the listener takes connections to an address of this machine. */
function takes({ address }: PeerListener, { text }: ScopedAddress): boolean {
  if (address === "::") return true;
  return address === "0.0.0.0" ? isIPv4(text) : scopedAddress(address)?.text === text;
}

function isOwn({ text, scope }: ScopedAddress): boolean {
  return scope === "loopback" || ownAddresses().some((address) => address.text === text);
}

/** Waits so long, or until none of these goes on. */
async function hadTheirChance(
  dials: readonly Promise<unknown>[],
  delayMs: number,
  signal: AbortSignal,
): Promise<void> {
  const timer = new AbortController();
  const either = AbortSignal.any([signal, timer.signal]);
  const delay = sleep(delayMs, undefined, { signal: either }).catch(() => {});
  await (dials.length > 0 ? Promise.race([delay, Promise.allSettled(dials)]) : delay);
  timer.abort();
  if (signal.aborted) throw aborted();
}
