export type Transport = "tcp" | "udp";

export interface MappingRequest {
  readonly transport: Transport;
  /** At which this machine listens. */
  readonly port: number;
  /** At which the gateway should listen; it may choose another. */
  readonly wantedPort: number;
}

/** A port of a gateway from which it passes packets on to this machine. */
export interface MappedPort {
  /** What the gateway takes for its outer address. */
  readonly address: string;
  readonly port: number;
}

export interface Mapping extends MappedPort {
  readonly lifetimeMs: number;
  remove(signal: AbortSignal): Promise<void>;
}

/** A router that opens ports when asked. */
export interface Gateway {
  /** For people: "UPnP". */
  readonly protocol: string;
  /**
   * Also renews. Rejects with `MappingRefused` where the gateway is there and opens no port. Where `signal` fires when
   * the gateway is asked to open one already, waits a moment for its answer: what it opened is to be removed.
   */
  map(request: MappingRequest, signal: AbortSignal): Promise<Mapping>;
}

/** Asked for more often than it is long valid, so that one lost renewal is no loss. */
export const MAPPING_LIFETIME_SECONDS = 3_600;

/** For the answer of a gateway that is there. */
const GRACE_MS = 2_000;

/** Fires a moment after `signal`. */
export function withGrace(signal: AbortSignal): AbortSignal {
  const late = new AbortController();
  const begin = () => void setTimeout(() => late.abort(signal.reason), GRACE_MS).unref();
  if (signal.aborted) begin();
  else signal.addEventListener("abort", begin, { once: true });
  return late.signal;
}

/** A gateway answered, and said no. */
export class MappingRefused extends Error {}
