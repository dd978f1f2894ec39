import {
  DEFAULT_PORT,
  HEARTBEAT_INTERVAL_MS,
  HEARTBEAT_SPACING_MS,
  HISTORY_BYTES,
  HISTORY_MS,
  LektError,
  MAX_KNOWN_METHODS,
  MAX_PAYLOAD_BYTES,
  MAX_PUBLISHED_BYTES,
  MAX_TOTAL_PAYLOAD_BYTES,
  SETUP_TIMEOUT_MS,
  SIGNAL_SPACING_MS,
  safeText,
  TICK_MS,
  TOTAL_HISTORY_BYTES,
} from "@lekt/protocol";
import type { Logger } from "pino";
import { descriptorLimit } from "./descriptor-limit.ts";
import { isHost, isHostPort } from "./host-port.ts";
import { type Ranges, resolveNumbers } from "./number-options.ts";
import { CIRCUIT_DEFAULTS, CIRCUIT_RANGES, checkRelayKey, circuitsWithin } from "./relay/circuit-options.ts";

/** Who asks to be let in. */
export interface AuthorizeRequest {
  /** undefined: the default network. */
  readonly network: string | undefined;
  /** The attribute `token`; undefined where none came or the connection is not protected. */
  readonly token: Uint8Array | undefined;
  /** 32 bytes; on plain TCP nobody has proven it. */
  readonly identity: Uint8Array | undefined;
  /** The client's IP address, as text. */
  readonly address: string;
}

/** `refuse`: a sentence for the client's user, sent as a Reject `auth`. */
export type AuthorizeVerdict = undefined | true | { readonly refuse: string };

/** Every number has its reason in `spec/limits.md`. */
export interface ServerOptions {
  /** Default: all interfaces, IPv6 and IPv4. */
  readonly host?: string;
  /** Default 15358; 0: any free one. */
  readonly port?: number;
  /** Default: no log. */
  readonly logger?: Logger;
  /** Default: everybody may join. Has as long as handshake and setup may take. */
  readonly authorize?: (request: AuthorizeRequest) => AuthorizeVerdict | Promise<AuthorizeVerdict>;
  /** Whether a token is asked for on a connection that is neither TLS nor loopback. Default false. */
  readonly acceptInsecureTokens?: boolean;
  /** Whether clients may join without naming a network. Default true. */
  readonly defaultNetwork?: boolean;
  /** Clients in all. Default 16,384; never more than the process's file descriptors allow. */
  readonly maxClients?: number;
  /** Clients in a network. Default 10,000. */
  readonly maxClientsPerNetwork?: number;
  /** For each address (IPv6: /64) and network. Default 64. */
  readonly maxClientsPerAddress?: number;
  /** New connections for each address (IPv6: /64) and second. Default 32. */
  readonly maxConnectionsPerSecond?: number;
  /** How long changes are gathered, to be encoded once; the first after a quiet time goes at once. Default 20. */
  readonly tickMs?: number;
  /** Between heartbeats of a client without `hold`: what clients are told to keep. Default 10,000. */
  readonly heartbeatIntervalMs?: number;
  /** From the connection to the end of the setup. Default 10,000. */
  readonly setupTimeoutMs?: number;
  /** Heartbeats of one client a second, on average; 0: no limit. Default 20. */
  readonly heartbeatsPerSecond?: number;
  /** Signals of one client a second, on average; 0: no limit. Default 50. */
  readonly signalsPerSecond?: number;
  /** How long what changed is kept, for who reads slowly or comes back after a break. Default 600,000. */
  readonly historyMs?: number;
  /** Bytes of that which are kept for each network. Default 64 MiB. */
  readonly historyBytes?: number;
  /** For all networks together. Default 256 MiB. */
  readonly totalHistoryBytes?: number;
  /** Whether UDP is answered on the same port and a second one, so that clients learn their address. Default true. */
  readonly stun?: boolean;
  /** Default 0: the port after `port`, or any free one where that is taken or `port` is 0. */
  readonly secondStunPort?: number;
  /** STUN requests of one address (IPv6: /64) that are answered in a second. Default 256. */
  readonly stunRequestsPerSecond?: number;
  /**
   * How clients reach this server's relay and STUN, a name or an address. Default: the address that they
   * reached the server at, as this machine knows it; behind a port forwarding that is not the public one.
   */
  readonly publicHost?: string;
  /** Whether clients get circuits. Default true: they are relayed on this port. */
  readonly relay?: boolean;
  /** At least 32 secret bytes that it shares with its relay or its other servers. Default: random ones. */
  readonly relayKey?: Uint8Array;
  /** host:port of a relay elsewhere that has the same `relayKey`; nothing is relayed on this port then. */
  readonly relayAddress?: string;
  /** Circuits at once. Default 1,024; their connections take at most a quarter of the file descriptors. */
  readonly maxCircuits?: number;
  /** Relayed connections of each address (IPv6: /64). Default 256. */
  readonly maxCircuitsPerAddress?: number;
  /** Of a circuit, both directions together. Default 16 GiB. */
  readonly maxCircuitBytes?: number;
  /** Methods that a client may know, by index from 0 on (spec 3.2). Default 1,024. */
  readonly maxKnownMethods?: number;
  /** Of one payload. Default 4,096. */
  readonly maxPayloadBytes?: number;
  /** Of all payloads of a client. Default 16,384. */
  readonly maxTotalPayloadBytes?: number;
  /** Of all payloads of a client that everybody else is sent. Default 2,048; at most 30,000. */
  readonly maxPublishedBytes?: number;
}

type Numbers = {
  [K in keyof ServerOptions as number extends ServerOptions[K] ? K : never]-?: number;
};

/** The options with every default filled in. */
export interface ResolvedOptions extends Numbers {
  readonly host: string | undefined;
  readonly logger: Logger | undefined;
  readonly authorize: ServerOptions["authorize"];
  readonly acceptInsecureTokens: boolean;
  readonly defaultNetwork: boolean;
  readonly stun: boolean;
  readonly publicHost: string | undefined;
  readonly relay: boolean;
  readonly relayKey: Uint8Array | undefined;
  readonly relayAddress: string | undefined;
}

/** Descriptors that are left for files, for the listening socket, and for telling the refused why. */
export const DESCRIPTOR_RESERVE = 256;

const DEFAULTS: Numbers = {
  port: DEFAULT_PORT,
  maxClients: 16_384,
  maxClientsPerNetwork: 10_000,
  maxClientsPerAddress: 64,
  maxConnectionsPerSecond: 32,
  tickMs: TICK_MS,
  heartbeatIntervalMs: HEARTBEAT_INTERVAL_MS,
  setupTimeoutMs: SETUP_TIMEOUT_MS,
  heartbeatsPerSecond: 1_000 / HEARTBEAT_SPACING_MS,
  signalsPerSecond: 1_000 / SIGNAL_SPACING_MS,
  historyMs: HISTORY_MS,
  historyBytes: HISTORY_BYTES,
  totalHistoryBytes: TOTAL_HISTORY_BYTES,
  secondStunPort: 0,
  stunRequestsPerSecond: 256,
  ...CIRCUIT_DEFAULTS,
  maxKnownMethods: MAX_KNOWN_METHODS,
  maxPayloadBytes: MAX_PAYLOAD_BYTES,
  maxTotalPayloadBytes: MAX_TOTAL_PAYLOAD_BYTES,
  maxPublishedBytes: MAX_PUBLISHED_BYTES,
};

const RANGES: Ranges<keyof Numbers> = {
  port: [0, 65_535],
  secondStunPort: [0, 65_535],
  ...CIRCUIT_RANGES,
  heartbeatsPerSecond: [0, 1_000_000],
  signalsPerSecond: [0, 1_000_000],
  tickMs: [0, 10_000],
  historyMs: [0, 2 ** 31 - 1],
  // At least one packet: with less every reader would be dropped at each change.
  historyBytes: [32_768, Number.MAX_SAFE_INTEGER],
  totalHistoryBytes: [32_768, Number.MAX_SAFE_INTEGER],
  maxKnownMethods: [0, 1_000_000],
  // A client object must fit into one packet (spec 5.10).
  maxPublishedBytes: [0, 30_000],
};

/** @throws LektError `LEKT_OPTION` that names the option and the value. */
export function resolveOptions(options: ServerOptions): ResolvedOptions {
  const numbers = resolveNumbers(options, DEFAULTS, RANGES);
  const relay = options.relay ?? true;
  const available = descriptorLimit() - DESCRIPTOR_RESERVE;
  const relaysHere = relay && options.relayAddress === undefined;
  const maxCircuits = relaysHere ? circuitsWithin(numbers.maxCircuits, available / 4) : numbers.maxCircuits;
  const left = relaysHere ? available - 2 * maxCircuits : available;
  if (options.relayKey) checkRelayKey(options.relayKey);
  checkPublicHost(options);
  checkRelayAddress(options);
  return {
    ...numbers,
    maxClients: Math.max(1, Math.min(numbers.maxClients, left)),
    maxCircuits,
    host: options.host,
    logger: options.logger,
    authorize: options.authorize,
    acceptInsecureTokens: options.acceptInsecureTokens ?? false,
    defaultNetwork: options.defaultNetwork ?? true,
    stun: options.stun ?? true,
    publicHost: options.publicHost,
    relay,
    relayKey: options.relayKey,
    relayAddress: options.relayAddress,
  };
}

function checkPublicHost({ publicHost }: ServerOptions): void {
  if (publicHost === undefined || isHost(publicHost)) return;
  throw new LektError(
    "LEKT_OPTION",
    `publicHost must be a name or an address, without a port, not "${safeText(publicHost)}".`,
  );
}

function checkRelayAddress({ relayAddress, relayKey }: ServerOptions): void {
  if (relayAddress === undefined) return;
  if (!isHostPort(relayAddress)) {
    throw new LektError("LEKT_OPTION", `relayAddress must be host:port, not ${safeText(relayAddress)}.`);
  }
  if (!relayKey) {
    throw new LektError("LEKT_OPTION", "relayAddress is of no use without the relay's key, relayKey.");
  }
}
