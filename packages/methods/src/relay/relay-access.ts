import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import {
  type Cancellation,
  type Circuit,
  LektError,
  type NetworkFacts,
  type RawPath,
  safeText,
  serviceObstacle,
} from "@lekt/protocol";
import { RandomTurns } from "../network/random-turns.ts";
import { connectCircuit } from "./circuit-connection.ts";
import { formatRelayAddress, parseRelayAddress, type RelayAddress } from "./relay-address.ts";
import type { RelayOffer } from "./relay-signals.ts";

/** Between connections for an identity that several show: a relay takes 32 a second of one address (spec/limits.md). */
const CONTESTED_INTERVAL_MS = 40;

/** Which relays this side goes to, and how (spec 9.5.6, 9.8.1). */
export class RelayAccess {
  readonly #takesForeign: boolean;
  readonly turns = new RandomTurns(CONTESTED_INTERVAL_MS);
  facts: NetworkFacts | undefined;

  constructor(takesForeign: boolean) {
    this.#takesForeign = takesForeign;
  }

  /** host:port of the own server's. */
  get ownRelay(): string | undefined {
    return this.facts?.relay;
  }

  /** Who names the relay of a peer's circuit. */
  get namedBy(): "server" | "peer" {
    return this.#takesForeign ? "peer" : "server";
  }

  connect(
    relay: RelayAddress,
    token: Uint8Array,
    cancellation: Cancellation,
    namedBy: "server" | "peer",
  ): Promise<Socket> {
    const { publicAddress: ownPublicAddress, localAddress: ownLocalAddress } = this.facts ?? {};
    return connectCircuit(relay, token, cancellation, (address) =>
      serviceObstacle({ address, namedBy, ownPublicAddress, ownLocalAddress }),
    );
  }

  /**
   * Where to follow an offer to. The own server's relay may have another name for the other peer: where foreign ones
   * are not allowed, that is the one to try, and nobody is led to any other address.
   */
  relayFor({ relay }: RelayOffer): RelayAddress | undefined {
    const chosen = this.#takesForeign ? relay : this.ownRelay;
    return chosen === undefined ? undefined : parseRelayAddress(chosen);
  }
}

/** @throws LektError where the server's word makes no sense. */
export function addressIn({ relay, token }: Circuit): RelayAddress {
  const address = parseRelayAddress(relay);
  if (address && /^[0-9a-f]{64}$/.test(token)) return address;
  throw new LektError(
    "LEKT_PROTOCOL",
    `The server gives a circuit that cannot be used, at '${safeText(relay)}'.`,
  );
}

export function pathOf(socket: Socket): RawPath<Duplex> {
  const { localAddress: host = "", localPort: port = 0, remoteAddress = "", remotePort = 0 } = socket;
  return {
    stream: socket,
    dialled: "both",
    local: formatRelayAddress({ host, port }),
    remote: formatRelayAddress({ host: remoteAddress, port: remotePort }),
    relayed: true,
  };
}
