import { equalBytes } from "../bytes.ts";
import { formatIpv4, formatIpv6, ipv4Bytes, parseIpv4, parseIpv6, unmapIpv4 } from "../ip.ts";
import type { Endpoint } from "../payloads/endpoints.ts";

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
  /** Own address as the server sees it. */
  readonly ownPublicAddress: string | undefined;
  /** Own address of the connection to the server, as this machine sees it. */
  readonly ownLocalAddress: string | undefined;
}

export function allowedTargets<Candidate extends Endpoint>(
  question: TargetQuestion<Candidate>,
): { allowed: Target<Candidate>[]; refused: RefusedTarget<Candidate>[] } {
  const network = {
    peer: parseAddress(question.peerAddress),
    own: parseAddress(question.ownPublicAddress),
    ownLocal: parseAddress(question.ownLocalAddress),
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
  readonly peer: Address | undefined;
  readonly own: Address | undefined;
  readonly ownLocal: Address | undefined;
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
  const address = parseAddress(text);
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

function reachOf(address: Address, { peer, own, ownLocal }: Network): { reach: Reach } | Refusal {
  const { scope } = address;
  if (scope === "never") return { reason: "no peer is reached at such an address" };
  if (address.text === peer?.text) {
    // A server far away that names an address of this machine or network lies, or sees another network.
    if (scope === "loopback" && ownLocal?.scope !== "loopback")
      return { reason: "a loopback address, and the server is on another machine" };
    if (scope !== "global" && scope !== own?.scope)
      return { reason: "a private address, and the own public one is not" };
    return { reach: "roster" };
  }
  if (scope === "loopback") return { reason: "loopback addresses are not for peers" };
  if (scope === "global") return { reach: "other" };
  if (peer && peer.text === own?.text) return { reach: "private" };
  return { reason: "a private address, and the public one is not the same" };
}

/** How far an address means the same machine. `never`: no peer has it. */
type Scope = "loopback" | "private" | "global" | "never";

interface Address {
  /** In normal form; an IPv4-mapped IPv6 address as IPv4. */
  readonly text: string;
  readonly scope: Scope;
}

function parseAddress(text: string | undefined): Address | undefined {
  if (text === undefined) return undefined;
  const ipv6 = parseIpv6(text);
  const ipv4 = ipv6 ? unmapIpv4(ipv6) : parseIpv4(text);
  if (ipv4 !== undefined) return { text: formatIpv4(ipv4), scope: scopeOf(ipv4Bytes(ipv4), IPV4_SCOPES) };
  return ipv6 && { text: formatIpv6(ipv6), scope: scopeOf(ipv6, IPV6_SCOPES) };
}

interface Block {
  readonly bytes: Uint8Array;
  readonly bits: number;
  readonly scope: Scope;
}

/** The first that holds the address counts. */
const IPV4_SCOPES = [
  block("0.0.0.0/8", "never"),
  block("10.0.0.0/8", "private"),
  block("100.100.100.200/32", "never"), // metadata of a cloud
  block("100.64.0.0/10", "private"), // behind a provider's translator
  block("127.0.0.0/8", "loopback"),
  block("168.63.129.16/32", "never"), // metadata of a cloud
  block("169.254.0.0/16", "never"), // link-local, and the metadata of most clouds
  block("172.16.0.0/12", "private"),
  block("192.0.0.0/24", "never"), // special purposes, and the metadata of a cloud
  block("192.168.0.0/16", "private"),
  block("198.18.0.0/15", "private"),
  block("224.0.0.0/3", "never"), // multicast, reserved (the pseudo addresses of spec 5.12 too), broadcast
  block("0.0.0.0/0", "global"),
];

const IPV6_SCOPES = [
  block("::1/128", "loopback"),
  block("2001::/32", "never"), // Teredo and 6to4 hold an IPv4 address that these rules would not see
  block("2002::/16", "never"),
  block("2000::/3", "global"),
  block("fd00:ec2::/32", "never"), // metadata of a cloud
  block("fd20:ce::/32", "never"), // metadata of a cloud
  block("fc00::/7", "private"),
  block("::/0", "never"), // unspecified, translated (64:ff9b::/96), link-local, multicast, not assigned
];

function block(text: string, scope: Scope): Block {
  const [address = "", bits] = text.split("/");
  const ipv4 = parseIpv4(address);
  return {
    bytes: ipv4 === undefined ? (parseIpv6(address) as Uint8Array) : ipv4Bytes(ipv4),
    bits: Number(bits),
    scope,
  };
}

function scopeOf(address: Uint8Array, blocks: readonly Block[]): Scope {
  const found = blocks.find(({ bytes, bits }) => equalBytes(masked(address, bits), masked(bytes, bits)));
  return found?.scope ?? "never";
}

function masked(address: Uint8Array, bits: number): Uint8Array {
  return address.map((byte, i) => byte & ~(0xff >> Math.min(8, Math.max(0, bits - 8 * i))));
}
