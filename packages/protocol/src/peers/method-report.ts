import type { Endpoint } from "../payloads/endpoints.ts";

/**
 * How paths to this machine can begin:
 * - `open`: peers dial a port, without asking before
 * - `agreed`: both sides begin at the same time, which they agree on by signals
 * - `local`: only peers in the same local network reach it
 * - `relayed`: over a relay
 * - `none`
 */
export type MethodReach = "open" | "agreed" | "local" | "relayed" | "none";

/**
 * What is between this machine and the internet, as UDP shows it (RFC 4787, 4.1):
 * - `none`: it is seen at an address of its own
 * - `independent`: a router gives a socket one port for all destinations
 * - `symmetric`: … another one for each destination
 * - `blocked`: no datagram comes back
 * - `unknown`: too few STUN responders answered to tell
 */
export type NatMapping = "none" | "independent" | "symmetric" | "blocked" | "unknown";

/**
 * What came of asking routers by NAT-PMP and UPnP to open a port:
 * - `off`: they are not to be asked
 * - `unneeded`: there is no router in between
 * - `absent`: none answered
 * - `refused`: one answered, and opened none
 * - `mapped`
 */
export type PortMappingState = "off" | "unneeded" | "absent" | "refused" | "mapped";

export interface PortMappingReport {
  readonly state: PortMappingState;
  /** The router's word: "NAT-PMP" or "UPnP". */
  readonly protocol?: string | undefined;
  /** The port that the router opened, at what it takes for its outer address. */
  readonly mapped?: Endpoint | undefined;
}

/** What a method knows of the own network; what does not apply to it is missing. */
export interface MethodReport {
  readonly method: string;
  readonly reach: MethodReach;
  /** In words: why it is not better. */
  readonly reason?: string | undefined;
  /** With `open`: where peers dial. */
  readonly openAt?: Endpoint | undefined;
  readonly nat?: NatMapping | undefined;
  /** Where STUN responders saw the method's socket. */
  readonly seenAt?: readonly Endpoint[] | undefined;
  readonly portMapping?: PortMappingReport | undefined;
  /** "host:port" */
  readonly relay?: string | undefined;
  /** To the relay. */
  readonly roundTripMs?: number | undefined;
}
