import { type Endpoint, type NetworkFacts, parseIpv4 } from "@lekt/protocol";
import { furtherEndpoints, ownAddresses } from "../network/own-addresses.ts";
import { type CandidateKind, MAX_CANDIDATES, type UdpCandidate } from "./udp-signal.ts";

export interface CandidateSources {
  /** Of the socket on this machine. */
  readonly port: number;
  readonly reflexive: readonly Endpoint[];
  /** Outer port that the router maps to the socket. */
  readonly mappedPort: number | undefined;
  readonly facts: NetworkFacts | undefined;
  readonly hasIpv6: boolean;
}

/** Where the peer may try to reach a socket: the likeliest first, as a peer takes only so many (spec 9.7.3). */
export function ownCandidates(sources: CandidateSources): UdpCandidate[] {
  const { port, reflexive, mappedPort, facts, hasIpv6 } = sources;
  const publicAddress = facts?.publicAddress;
  const candidates: UdpCandidate[] = [];
  const add = (kind: CandidateKind, address: string, port: number) => {
    if (!hasIpv6 && parseIpv4(address) === undefined) return;
    if (candidates.some((known) => known.address === address && known.port === port)) return;
    candidates.push({ kind, address, port });
  };
  const own = ownAddresses();
  // At the public address, whatever the router calls its own: there may be another router behind it.
  if (mappedPort !== undefined && publicAddress !== undefined) add("mapped", publicAddress, mappedPort);
  for (const { address, port } of reflexive) add("reflexive", address, port);
  if (publicAddress !== undefined && own.some(({ text }) => text === publicAddress))
    add("host", publicAddress, port);
  for (const { address } of furtherEndpoints(port, own, publicAddress)) add("host", address, port);
  return candidates.slice(0, MAX_CANDIDATES);
}
