import { describe, expect, it } from "vitest";
import { type PunchSide, planPunch } from "../../src/udp/punch-plan.ts";
import type { CandidateKind, NatKind, UdpCandidate } from "../../src/udp/udp-signal.ts";

function candidate(kind: CandidateKind, address = "203.0.113.7"): UdpCandidate {
  return { kind, address, port: 4_000 };
}

function side(nat: NatKind, ...candidates: UdpCandidate[]): PunchSide {
  return { nat, candidates: candidates.length > 0 ? candidates : [candidate("reflexive", "203.0.113.5")] };
}

function planned(
  own: PunchSide,
  peer: PunchSide,
  allowed: readonly UdpCandidate[] = peer.candidates,
): string {
  const plan = planPunch(
    own,
    peer,
    allowed.map((target) => ({ ...target, reach: "roster" })),
  );
  return "impossible" in plan ? plan.impossible : plan.manySockets;
}

describe("what is tried between two networks", () => {
  it.each<[NatKind, NatKind, string | RegExp]>([
    ["independent", "independent", "neither"],
    ["unknown", "independent", "neither"],
    ["symmetric", "independent", "here"],
    ["independent", "symmetric", "there"],
    ["symmetric", "unknown", "here"],
    ["symmetric", "symmetric", /^both networks use another port/],
    ["blocked", "independent", /out of this network/],
    ["independent", "blocked", /out of the peer's network/],
    ["blocked", "symmetric", /out of this network/],
  ])("%s to %s", (own, peer, expected) => {
    const anchored = typeof expected === "string" ? new RegExp(`^${expected}$`) : expected;
    expect(planned(side(own), side(peer))).toMatch(anchored);
  });

  it("lets two symmetric networks try where a router opened a port on either side", () => {
    const mapped = side("symmetric", candidate("mapped"));
    expect(planned(side("symmetric"), mapped)).toBe("neither");
    expect(planned(mapped, side("symmetric"))).toBe("neither");
  });

  it("lets peers in one network try whatever is outside of it", () => {
    const behind = (nat: NatKind) => side(nat, candidate("reflexive"), candidate("host", "10.0.0.7"));
    expect(planned(behind("symmetric"), behind("symmetric"))).toBe("neither");
    expect(planned(behind("blocked"), behind("blocked"))).toBe("neither");
    // Private addresses that may not be sent to are no way.
    expect(planned(behind("symmetric"), behind("symmetric"), [candidate("reflexive")])).toMatch(/^both/);
  });

  it("counts on IPv6 where both sides have it", () => {
    const dual = side("symmetric", candidate("reflexive"), candidate("host", "2001:db8::7"));
    expect(planned(dual, dual)).toBe("neither");
    expect(planned(side("symmetric"), dual)).toMatch(/^both/);
  });

  it("counts on IPv6 also where a STUN server told it, before the machine itself", () => {
    const told = side("symmetric", candidate("reflexive"), candidate("reflexive", "2001:db8::7"));
    expect(planned(told, told)).toBe("neither");
    expect(planned(told, side("symmetric"))).toMatch(/^both/);
  });

  it("does not try from a symmetric network where there is nothing to send to", () => {
    expect(planned(side("symmetric"), side("independent"), [])).toMatch(/named no address/);
    // The peer can send first, and is answered.
    expect(planned(side("independent"), side("independent"), [])).toBe("neither");
  });
});
