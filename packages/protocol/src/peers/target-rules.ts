import type { Endpoint } from "../payloads/endpoints.ts";
import { type ScopedAddress, scopedAddress } from "./address-scope.ts";

/*
 * Whom a peer may make this machine send to (spec 9.5.4). A peer names addresses of itself, and nobody has
 * checked them: without these rules a network would be a tool for reaching into other people's networks.
 */

/** So many targets of each `Reach` in one attempt. */
export const MAX_TARGETS_OF_A_KIND = 8;
/** To a public address that is not the roster's, in one attempt; or one connection. */
export const MAX_PACKETS_TO_OTHER_ADDRESS = 5;

/**
 * - `roster`: the address at which the server sees the peer; any number of packets, the many-socket method too
 * - `private`: behind the same public address
 * - `other`: another public address; `MAX_PACKETS_TO_OTHER_ADDRESS` or one connection
 */
export type Reach = "roster" | "private" | "other";

/** A candidate that may be tried, its address in normal form. */
export type Target<Candidate extends Endpoint = Endpoint> = Candidate & { readonly reach: Reach };

export interface RefusedTarget<Candidate extends Endpoint = Endpoint> {
  readonly candidate: Candidate;
  /** In words, for the trace. */
  readonly reason: string;
}

export interface TargetQuestion<Candidate extends Endpoint> {
  /** In the order in which they are wanted; of what is too many the last are refused. */
  readonly candidates: readonly Candidate[];
  /** The roster's address for the peer. */
  readonly peerAddress: string | undefined;
  /** Those for others who show its identity: any of them may be the peer (spec 9.11). */
  readonly otherAddresses?: readonly (string | undefined)[];
  /** Own address as the server sees it. */
  readonly ownPublicAddress: string | undefined;
  /** Own address of the connection to the server, as this machine sees it. */
  readonly ownLocalAddress: string | undefined;
}

export function allowedTargets<Candidate extends Endpoint>(
  question: TargetQuestion<Candidate>,
): { allowed: Target<Candidate>[]; refused: RefusedTarget<Candidate>[] } {
  const { peerAddress, otherAddresses = [] } = question;
  const network = {
    peers: [peerAddress, ...otherAddresses].flatMap((address) => scopedAddress(address) ?? []),
    own: scopedAddress(question.ownPublicAddress),
    ownLocal: scopedAddress(question.ownLocalAddress),
  };
  const allowed: Target<Candidate>[] = [];
  const refused: RefusedTarget<Candidate>[] = [];
  for (const candidate of question.candidates) {
    const verdict = judge(candidate, network, allowed);
    if ("reason" in verdict) refused.push({ candidate, reason: verdict.reason });
    else allowed.push({ ...candidate, ...verdict });
  }
  return { allowed, refused };
}

interface Network {
  readonly peers: readonly ScopedAddress[];
  readonly own: ScopedAddress | undefined;
  readonly ownLocal: ScopedAddress | undefined;
}

interface Refusal {
  readonly reason: string;
}

function judge(
  { address: text, port }: Endpoint,
  network: Network,
  before: readonly Target[],
): { address: string; reach: Reach } | Refusal {
  if (!Number.isInteger(port) || port < 1 || port > 65_535) return { reason: "the port is none" };
  const address = scopedAddress(text);
  if (!address) return { reason: "the address is none" };
  const verdict = reachOf(address, network);
  if ("reason" in verdict) return verdict;
  const { reach } = verdict;
  const sameAddress = before.filter((target) => target.address === address.text);
  if (sameAddress.some((target) => target.port === port)) return { reason: "it is named twice" };
  if (reach === "other" && sameAddress.length > 0)
    return { reason: "a second port of a public address that is not the roster's" };
  if (before.filter((target) => target.reach === reach).length >= MAX_TARGETS_OF_A_KIND)
    return { reason: `more than ${MAX_TARGETS_OF_A_KIND} of its kind` };
  return { address: address.text, reach };
}

function reachOf(address: ScopedAddress, { peers, own, ownLocal }: Network): { reach: Reach } | Refusal {
  const { scope } = address;
  if (scope === "never") return { reason: "no peer is reached at such an address" };
  if (peers.some(({ text }) => text === address.text)) {
    // A server on another machine would send this one to what listens for itself alone.
    if (scope === "loopback" && (own?.scope !== "loopback" || ownLocal?.scope !== "loopback"))
      return { reason: "a loopback address, and the server is on another machine" };
    return { reach: "roster" };
  }
  if (scope === "loopback") return { reason: "loopback addresses are not for peers" };
  if (scope === "global") return { reach: "other" };
  if (peers.some(({ text }) => text === own?.text)) return { reach: "private" };
  return { reason: "a private address, and the public one is not the same" };
}
