import { type Endpoint, type PeerSignal, parseIpv4, parseIpv6 } from "@lekt/protocol";

/*
 * What two peers tell each other by signals before they punch (spec 9.7.2). The same for both types:
 *
 *   { "v": 1, "type": "offer" | "answer", "attempt": …, "method": "udp", "round": 0, "secret": 32 hex digits,
 *     "stream": 1 to 4294967295, "nat": …, "candidates": [{ "kind": …, "address": …, "port": … }] }
 *   { "v": 1, "type": "go", "attempt": …, "method": "udp", "round": 0 }
 *   { "v": 1, "type": "fail", "attempt": …, "method": "udp", "reason": text }
 */
export const SECRET_BYTES = 16;
export const MAX_CANDIDATES = 16;
/** The first tries the usual socket, each later one a new port on both sides. */
export const MAX_ROUNDS = 3;
const MAX_REASON_LENGTH = 200;

const NAT_KINDS = ["independent", "symmetric", "unknown", "blocked"] as const;

/**
 * How the own network maps a UDP socket to an outer port.
 * - `independent`: to the same port, whoever it sends to
 * - `symmetric`: to another port for each that it sends to
 * - `unknown`: fewer than two STUN ports answered
 * - `blocked`: no STUN port answered
 */
export type NatKind = (typeof NAT_KINDS)[number];

const CANDIDATE_KINDS = ["host", "reflexive", "mapped"] as const;

/**
 * - `host`: of an interface of the own machine
 * - `reflexive`: as a STUN server sees the socket
 * - `mapped`: a port that the own router was asked to open
 */
export type CandidateKind = (typeof CANDIDATE_KINDS)[number];

export interface UdpCandidate extends Endpoint {
  readonly kind: CandidateKind;
}

export interface UdpDescription {
  readonly round: number;
  /** 32 hex digits: that of the offer is the key of both sides' probes. */
  readonly secret: string;
  /** Id of the stream that the other side's packets are to bear; of an offer, see `dialingStream`. */
  readonly stream: number;
  readonly nat: NatKind;
  readonly candidates: readonly UdpCandidate[];
}

export function descriptionSignal(
  type: "offer" | "answer",
  attempt: string,
  description: UdpDescription,
): PeerSignal {
  return { v: 1, type, attempt, method: "udp", ...description };
}

/** The dialing side has sent its first probes. */
export function goSignal(attempt: string, round: number): PeerSignal {
  return { v: 1, type: "go", attempt, method: "udp", round };
}

export function failSignal(attempt: string, reason: string): PeerSignal {
  return { v: 1, type: "fail", attempt, method: "udp", reason: reason.slice(0, MAX_REASON_LENGTH) };
}

/** @returns undefined where an offer or answer is not as it has to be. Candidates that are none are left out. */
export function readDescription(message: PeerSignal): UdpDescription | undefined {
  const { round, secret, stream, nat, candidates } = message;
  if (!isWhole(round, 0, MAX_ROUNDS - 1)) return undefined;
  if (typeof secret !== "string" || secret.length !== 2 * SECRET_BYTES || !/^[0-9a-f]+$/.test(secret))
    return undefined;
  if (!isWhole(stream, 1, 0xffff_ffff)) return undefined;
  const kind = NAT_KINDS.find((known) => known === nat);
  if (kind === undefined || !Array.isArray(candidates) || candidates.length > MAX_CANDIDATES)
    return undefined;
  return { round, secret, stream, nat: kind, candidates: candidates.flatMap(readCandidate) };
}

/** The id that packets to the dialing side bear: another one for each that answers its offer (spec 9.7.2). */
export function dialingStream(offer: UdpDescription, answer: UdpDescription): number {
  return (offer.stream ^ Number.parseInt(answer.secret.slice(0, 8), 16)) >>> 0 || 1;
}

/** The reason that a peer gives, made fit for a line of text. */
export function readReason(message: PeerSignal): string {
  const { reason } = message;
  if (typeof reason !== "string") return "no reason given";
  return reason.slice(0, MAX_REASON_LENGTH).replace(/[^\x20-\x7e]/g, "?");
}

function readCandidate(value: unknown): UdpCandidate[] {
  if (typeof value !== "object" || value === null) return [];
  const { kind, address, port } = value as Record<string, unknown>;
  const known = CANDIDATE_KINDS.find((name) => name === kind);
  if (known === undefined || typeof address !== "string" || !isWhole(port, 1, 65_535)) return [];
  if (parseIpv4(address) === undefined && !parseIpv6(address)) return [];
  return [{ kind: known, address, port }];
}

function isWhole(value: unknown, least: number, most: number): value is number {
  return Number.isInteger(value) && (value as number) >= least && (value as number) <= most;
}
