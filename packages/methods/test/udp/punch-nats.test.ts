import { randomBytes } from "node:crypto";
import type { Target } from "@lekt/protocol";
import { Random } from "@lekt/testkit";
import { describe, expect, it } from "vitest";
import { planPunch } from "../../src/udp/punch-plan.ts";
import type { NatKind, UdpCandidate } from "../../src/udp/udp-signal.ts";
import { NAT_LETTERS, type NatLetter, SimulatedInternet } from "./simulated-nat.ts";
import { SimulatedPeer } from "./simulated-peer.ts";

const SERVER = "203.0.113.10";
const DIALING = "203.0.113.21";
const ACCEPTING = "203.0.113.22";
const SIGNAL_MS = 40;

/** D direct, M by the many-socket method, R not possible. Between S and L it is a matter of luck. */
type Expected = "D" | "M" | "R";

const EXPECTED: Record<NatLetter, Record<NatLetter, Expected | undefined>> = {
  N: { N: "D", F: "D", A: "D", P: "D", S: "D", L: "D" },
  F: { N: "D", F: "D", A: "D", P: "D", S: "D", L: "D" },
  A: { N: "D", F: "D", A: "D", P: "D", S: "D", L: "D" },
  P: { N: "D", F: "D", A: "D", P: "D", S: "M", L: "D" },
  S: { N: "D", F: "D", A: "D", P: "M", S: "R", L: undefined },
  L: { N: "D", F: "D", A: "D", P: "D", S: undefined, L: "D" },
};

interface Side {
  readonly peer: SimulatedPeer;
  readonly nat: NatKind;
  readonly candidates: readonly UdpCandidate[];
}

function side(internet: SimulatedInternet, address: string, letter: NatLetter): Side {
  const peer = new SimulatedPeer(internet, internet.add(address, letter));
  const { nat, reflexive } = peer.observe(SERVER);
  return { peer, nat, candidates: reflexive.map((endpoint) => ({ kind: "reflexive", ...endpoint })) };
}

function targetsOf({ candidates }: Side): Target<UdpCandidate>[] {
  return candidates.map((candidate) => ({ ...candidate, reach: "roster" }));
}

function connect(
  dialingLetter: NatLetter,
  acceptingLetter: NatLetter,
  seed: number,
  link: { delayMs: number; lossPercent: number; isGoLost?: boolean },
): { result: Expected | "failed"; tookMs: number } {
  const random = new Random(seed, "punch");
  const { isGoLost = false } = link;
  const internet = new SimulatedInternet(random, link);
  const dialing = side(internet, DIALING, dialingLetter);
  const accepting = side(internet, ACCEPTING, acceptingLetter);
  const shared = { attempt: "0123456789abcdef", secret: randomBytes(32) };
  const begin = (own: Side, other: Side, role: "dialing" | "accepting") => {
    const targets = targetsOf(other);
    const plan = planPunch(own, other, targets);
    if ("impossible" in plan) return false;
    own.peer.begin({
      ...shared,
      ...plan,
      role,
      rosterAddress: other.peer.host.address,
      targets: targets.map(({ address, port }) => ({ address, port, maxPackets: 64, isTranslated: true })),
      durationMs: plan.manySockets === "neither" ? 3_000 : 21_000,
      random: random.u32(),
    });
    return true;
  };
  internet.clock.in(SIGNAL_MS, () => begin(accepting, dialing, "accepting"));
  let isPossible = true;
  internet.clock.in(2 * SIGNAL_MS, () => {
    isPossible = begin(dialing, accepting, "dialing");
    if (isPossible && !isGoLost) internet.clock.in(SIGNAL_MS, () => accepting.peer.peerBegan());
  });
  while (internet.clock.nextMs < 60_000 && isPossible) internet.clock.step();
  const { outcome, openedAtMs, punch } = dialing.peer;
  if (!isPossible) return { result: "R", tookMs: internet.clock.nowMs };
  if (outcome?.type !== "open" || accepting.peer.outcome?.type !== "open")
    return { result: "failed", tookMs: internet.clock.nowMs };
  const isMany = punch?.usesManySockets || accepting.peer.punch?.usesManySockets;
  return { result: isMany ? "M" : "D", tookMs: openedAtMs };
}

describe("punching through simulated address translators", () => {
  for (const dialing of NAT_LETTERS) {
    for (const accepting of NAT_LETTERS) {
      const expected = EXPECTED[dialing][accepting];
      if (expected === undefined) continue;
      it(`${dialing} dials ${accepting}: ${expected}`, () => {
        for (let seed = 1; seed <= 10; seed++) {
          const { result } = connect(dialing, accepting, seed, { delayMs: 25, lossPercent: 0 });
          expect(`seed ${seed}: ${result}`).toBe(`seed ${seed}: ${expected}`);
        }
      });
    }
  }

  it("needs two round trips behind the signals where both translators keep the port", () => {
    const { tookMs } = connect("P", "P", 1, { delayMs: 25, lossPercent: 0 });
    expect(tookMs).toBe(2 * SIGNAL_MS + 2 * 50);
  });

  it("gets through where nobody tells that the dialing side has begun", () => {
    const { result } = connect("F", "S", 1, { delayMs: 25, lossPercent: 0, isGoLost: true });
    expect(result).not.toBe("failed");
  });

  it("gets through where a packet in five is lost", () => {
    for (let seed = 1; seed <= 30; seed++) {
      for (const letter of ["P", "L"] as const) {
        const { result } = connect(letter, letter, seed, { delayMs: 25, lossPercent: 20 });
        expect(`${letter}, seed ${seed}: ${result}`).toBe(`${letter}, seed ${seed}: D`);
      }
    }
  });

  it("finds the port of a symmetric translator by the many-socket method, in some seconds as a rule", () => {
    const times: number[] = [];
    for (let seed = 1; seed <= 25; seed++) {
      const { result, tookMs } = connect(seed % 2 ? "P" : "S", seed % 2 ? "S" : "P", seed, {
        delayMs: 25,
        lossPercent: 2,
      });
      expect(`seed ${seed}: ${result}`).toBe(`seed ${seed}: M`);
      times.push(tookMs);
    }
    times.sort((a, b) => a - b);
    expect(times[12]).toBeLessThan(6_000);
  });
});
