import type { Link } from "./visitor.ts";

/** host:port each. */
export interface ServiceAddresses {
  readonly relay: string | null;
  readonly stun: readonly string[];
}

/** What a server has for its clients beside rosters (spec 8.2, 8.3), as the heart sees it. */
export interface Services {
  /** What this client is told of them (spec 5.13). */
  addressesFor(link: Link): ServiceAddresses;
  readonly relaysHere: boolean;
  /** Hands a connection over to the relay on this port. @returns false where there is none: it stays. */
  relay(link: Link, token: Uint8Array, early: Uint8Array): boolean;
}
