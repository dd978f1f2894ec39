import { setTimeout as sleep } from "node:timers/promises";
import { type PortMappingReport, scopedAddress } from "@lekt/protocol";
import { type Gateway, type MappedPort, type Mapping, MappingRefused, type Transport } from "./gateway.ts";
import { natPmpGateways } from "./nat-pmp.ts";
import { upnpGateways } from "./upnp.ts";

export type GatewaySearch = (signal: AbortSignal) => AsyncIterable<Gateway>;

export interface PortMappingOptions {
  readonly transport: Transport;
  readonly port: number;
  /** Default: NAT-PMP at the default gateway, then UPnP. */
  readonly gateways?: GatewaySearch;
  /** See `SEARCH_PAUSES_MS`. */
  readonly searchPausesMs?: readonly number[];
  /** At first, and where it changed. */
  readonly onChange: (mapped: MappedPort | undefined) => void;
}

/**
 * Pauses between searches that found nothing, the last one again and again. An answer that was lost is not to cost
 * minutes; and networks change: a laptop comes to a router that maps ports.
 */
const SEARCH_PAUSES_MS = [2_000, 10_000, 60_000, 300_000];
/** For gateways that grant next to no time. */
const MIN_RENEWAL_MS = 500;
/** For those that grant decades: longer times are none for a timer. */
const MAX_RENEWAL_MS = 86_400_000;
const REQUEST_TIMEOUT_MS = 5_000;
const REMOVAL_TIMEOUT_MS = 2_000;

/** Keeps a port of the router mapped to one of this machine, in the background, until it is closed. */
export class PortMapping {
  readonly #options: PortMappingOptions;
  readonly #closing = new AbortController();
  readonly #running: Promise<void>;
  readonly #searched: Promise<void>;
  #onSearched: () => void = () => {};
  #gateway: Gateway | undefined;
  /** Protocol of a gateway that is there, and opens no port. */
  #refusal: string | undefined;
  #mapping: Mapping | undefined;

  constructor(options: PortMappingOptions) {
    this.#options = options;
    this.#searched = new Promise((resolve) => {
      this.#onSearched = resolve;
    });
    this.#running = this.#run();
  }

  /** Waits for the end of the first search. */
  async report(): Promise<PortMappingReport> {
    await this.#searched;
    if (this.#mapping) {
      const { address, port } = this.#mapping;
      return { state: "mapped", protocol: this.#gateway?.protocol, mapped: { address, port } };
    }
    return this.#refusal === undefined ? { state: "absent" } : { state: "refused", protocol: this.#refusal };
  }

  /** Takes the mapping back, as far as the gateway still answers. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#running;
    const mapping = this.#mapping;
    this.#mapping = undefined;
    // A mapping that could not be removed ends by itself after its lifetime.
    await mapping?.remove(AbortSignal.timeout(REMOVAL_TIMEOUT_MS)).catch(() => {});
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    const pausesMs = this.#options.searchPausesMs ?? SEARCH_PAUSES_MS;
    let searches = 0;
    while (!signal.aborted) {
      const mapping = (await this.#renew()) ?? (await this.#search());
      this.#keep(mapping);
      this.#onSearched();
      searches = mapping ? 0 : searches + 1;
      const pauseMs = pausesMs[Math.min(searches, pausesMs.length) - 1] ?? 0;
      const waitMs = mapping ? renewalMs(mapping) : pauseMs;
      await sleep(waitMs, undefined, { signal, ref: false }).catch(() => {});
    }
  }

  async #renew(): Promise<Mapping | undefined> {
    return this.#gateway && this.#map(this.#gateway);
  }

  async #search(): Promise<Mapping | undefined> {
    this.#gateway = undefined;
    this.#refusal = undefined;
    const search = this.#options.gateways ?? systemGateways;
    try {
      for await (const gateway of search(this.#closing.signal)) {
        const mapping = await this.#map(gateway);
        if (!mapping) continue;
        this.#gateway = gateway;
        return mapping;
      }
    } catch {
      // No gateway was found; that is the usual case and nobody's fault.
    }
    return undefined;
  }

  async #map(gateway: Gateway): Promise<Mapping | undefined> {
    const { transport, port } = this.#options;
    const wantedPort = this.#mapping?.port ?? port;
    const signal = AbortSignal.any([this.#closing.signal, AbortSignal.timeout(REQUEST_TIMEOUT_MS)]);
    const mapping = await gateway.map({ transport, port, wantedPort }, signal).catch((error: unknown) => {
      if (error instanceof MappingRefused) this.#refusal = gateway.protocol;
      return undefined;
    });
    return mapping && isMappedPort(mapping) ? mapping : undefined;
  }

  #keep(mapping: Mapping | undefined): void {
    // Closed while the gateway was asked to renew: what it granted before is what is to be removed.
    if (this.#closing.signal.aborted && !mapping) return;
    const before = this.#mapping;
    this.#mapping = mapping;
    if (this.#closing.signal.aborted) return;
    if (before?.port !== mapping?.port || before?.address !== mapping?.address)
      this.#options.onChange(mapping && { address: mapping.address, port: mapping.port });
  }
}

function renewalMs({ lifetimeMs }: Mapping): number {
  return Math.min(MAX_RENEWAL_MS, Math.max(MIN_RENEWAL_MS, lifetimeMs / 2));
}

/** Gateways say that they have mapped a port also where they have no outer address. */
function isMappedPort({ address, port }: MappedPort): boolean {
  return !!scopedAddress(address) && Number.isInteger(port) && port >= 1 && port <= 65_535;
}

async function* systemGateways(signal: AbortSignal): AsyncGenerator<Gateway> {
  yield* natPmpGateways();
  yield* upnpGateways(signal);
}
