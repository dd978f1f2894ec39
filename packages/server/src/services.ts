import type { Link } from "./visitor.ts";

/** host:port each. */
export interface ServiceAddresses {
  readonly relay: string | null;
  readonly stun: readonly string[];
}

/** A circuit, in the words in which its client is told of it (spec 8.1.7). */
export interface CircuitGrant {
  /** The token, 64 hex digits. */
  readonly circuit: string;
  /** "host:port" */
  readonly relay: string;
  /** Unix seconds. */
  readonly expires: number;
}

/** What a server has for its clients beside rosters (spec 8.2, 8.3), as the heart sees it. */
export interface Services {
  /** What this client is told of them (spec 5.13). */
  addressesFor(link: Link): ServiceAddresses;
  readonly relaysHere: boolean;
  /** A circuit for this client; undefined where there is none to give. */
  grantCircuit(client: Link): CircuitGrant | undefined;
  /** Hands a connection over to the relay on this port. @returns false where there is none: it stays. */
  relay(link: Link, token: Uint8Array, early: Uint8Array): boolean;
}
