import { parseIpv4, type Target } from "@lekt/protocol";
import type { NatKind, UdpCandidate } from "./udp-signal.ts";

export interface PunchSide {
  readonly nat: NatKind;
  readonly candidates: readonly UdpCandidate[];
}

export type PunchPlan =
  | { readonly manySockets: "here" | "there" | "neither" }
  | { readonly impossible: string };

/**
 * What is worth trying between two networks (spec 9.7.5). Both sides come to the same result, as they judge by
 * the same two descriptions.
 * @param targets those of the peer's candidates that may be sent to
 */
export function planPunch(
  own: PunchSide,
  peer: PunchSide,
  targets: readonly Target<UdpCandidate>[],
): PunchPlan {
  // An address of the same network, of a port that a router opened, or IPv6 needs no hole in an address translator.
  const hasWayAround =
    targets.some((target) => target.kind === "mapped" || isUntranslated(target, own)) ||
    own.candidates.some(({ kind }) => kind === "mapped");
  if (!hasWayAround) {
    if (own.nat === "blocked") return { impossible: "no UDP gets out of this network, or none comes back" };
    if (peer.nat === "blocked")
      return { impossible: "no UDP gets out of the peer's network, or none comes back" };
    if (own.nat === "symmetric" && peer.nat === "symmetric")
      return { impossible: "both networks use another port for each destination (symmetric NAT)" };
  }
  if (targets.length === 0 && own.nat === "symmetric")
    return { impossible: "the peer named no address that may be sent to" };
  if (own.nat === peer.nat) return { manySockets: "neither" };
  if (own.nat === "symmetric" && peer.nat !== "blocked") return { manySockets: "here" };
  if (peer.nat === "symmetric" && own.nat !== "blocked") return { manySockets: "there" };
  return { manySockets: "neither" };
}

/** IPv6 of any kind: where a STUN server told an address of the machine itself, it is called reflexive. */
function isUntranslated({ kind, address }: UdpCandidate, { candidates }: PunchSide): boolean {
  if (parseIpv4(address) !== undefined) return kind === "host";
  return candidates.some((candidate) => parseIpv4(candidate.address) === undefined);
}
