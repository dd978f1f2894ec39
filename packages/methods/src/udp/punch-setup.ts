import { randomInt } from "node:crypto";
import {
  allowedTargets,
  type Endpoint,
  MAX_PACKETS_TO_OTHER_ADDRESS,
  type NetworkFacts,
  type PeerTarget,
  parseIpv4,
  type RefusedTarget,
  type Target,
} from "@lekt/protocol";
import { addressesOf } from "../network/contested-peers.ts";
import type { PeerRole } from "./probe.ts";
import type { PunchOptions } from "./punch.ts";
import { type PunchPlan, planPunch } from "./punch-plan.ts";
import type { UdpNetwork } from "./udp-network.ts";
import type { UdpCandidate, UdpDescription } from "./udp-signal.ts";

const ROUND_MS = 3_000;
const MANY_SOCKETS_ROUND_MS = 21_000;
/** The accepting side begins earlier, and knows last that there is a path. */
const ACCEPTING_EXTRA_MS = 1_500;
/**
 * By round (spec 9.7.4): a provider's translator is three hops away as a rule, and the peer's more than four. Neighbours at one
 * provider have fewer between them, and some translators are farther.
 */
const OPENING_TTLS = [4, 2, 7];
/** To an address that the rules allow without a number: a bound for a peer that plays a game. */
const MAX_PACKETS_TO_PEER = 64;

interface PunchSetup {
  readonly role: PeerRole;
  readonly attempt: string;
  readonly peer: PeerTarget;
  readonly own: UdpDescription;
  readonly theirs: UdpDescription;
}

interface PreparedPunch {
  readonly targets: readonly Target<UdpCandidate>[];
  readonly refused: readonly RefusedTarget<UdpCandidate>[];
  readonly plan: PunchPlan;
  readonly options: PunchOptions;
}

/** What a punch needs of the network. */
type PunchNetwork = Pick<UdpNetwork, "cookieKey" | "strangerPackets"> & {
  readonly facts: Pick<NetworkFacts, "publicAddress" | "localAddress"> | undefined;
};

/** What both sides make of their two descriptions (spec 9.7.5). */
export function preparePunch(network: PunchNetwork, setup: PunchSetup): PreparedPunch {
  const { role, attempt, peer, own, theirs } = setup;
  const [peerAddress, ...otherAddresses] = addressesOf(peer);
  const judge = (candidates: readonly UdpCandidate[]) =>
    allowedTargets({
      candidates,
      peerAddress,
      otherAddresses,
      ownPublicAddress: network.facts?.publicAddress,
      ownLocalAddress: network.facts?.localAddress,
    });
  const { allowed: targets, refused } = judge(theirs.candidates);
  const strangers = new Set<string>();
  const packetsTo = ({ reach, address }: Target) => {
    if (reach !== "other") return MAX_PACKETS_TO_PEER;
    // The first round has sent all that the whole attempt may send there, from whichever of its sockets.
    if (own.round > 0 || strangers.has(address)) return 0;
    strangers.add(address);
    return network.strangerPackets.take(address, MAX_PACKETS_TO_OTHER_ADDRESS, performance.now());
  };
  const answered: UdpCandidate[] = [...targets];
  const answersTo = (from: Endpoint) => {
    answered.push({ kind: "reflexive", ...from });
    const target = judge(answered).allowed.find(
      ({ address, port }) => address === from.address && port === from.port,
    );
    return target ? packetsTo(target) : 0;
  };
  const atRoster = targets.find(
    ({ reach, address }) => reach === "roster" && parseIpv4(address) !== undefined,
  );
  const plan = planPunch(own, theirs, targets);
  const manySockets = "impossible" in plan || !atRoster ? "neither" : plan.manySockets;
  const [offer, answer] = role === "dialing" ? [own, theirs] : [theirs, own];
  const roundMs = manySockets === "neither" ? ROUND_MS : MANY_SOCKETS_ROUND_MS;
  const options: PunchOptions = {
    role,
    attempt,
    secret: Buffer.from(offer.secret + answer.secret, "hex"),
    cookieKey: network.cookieKey,
    targets: targets.map((target) => ({
      ...target,
      maxPackets: packetsTo(target),
      isTranslated: isTranslated(target),
    })),
    openingTtl: OPENING_TTLS[own.round] as number,
    answersTo,
    manySockets,
    rosterAddress: atRoster?.address,
    nowMs: performance.now(),
    durationMs: roundMs + (role === "dialing" ? 0 : ACCEPTING_EXTRA_MS),
    random: randomInt(2 ** 32),
  };
  return { targets, refused, plan, options };
}

/** IPv6 is not translated as a rule, and a mapped port is open to everybody. */
function isTranslated({ kind, address }: UdpCandidate): boolean {
  return kind === "reflexive" && parseIpv4(address) !== undefined;
}
