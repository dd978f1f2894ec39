import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { formatIpv4 } from "../src/ip.ts";
import type { Endpoint } from "../src/payloads/endpoints.ts";
import { allowedTargets, MAX_TARGETS_OF_A_KIND } from "../src/peers/target-rules.ts";

const PEER = "203.0.113.7";
const OWN = "198.51.100.9";
const BEHIND_ONE_NAT = { peerAddress: PEER, ownPublicAddress: PEER, ownLocalAddress: "192.168.1.2" };
const STRANGERS = { peerAddress: PEER, ownPublicAddress: OWN, ownLocalAddress: "192.168.1.2" };
const ONE_MACHINE = {
  peerAddress: "127.0.0.1",
  ownPublicAddress: "127.0.0.1",
  ownLocalAddress: "127.0.0.1",
};

type Where = typeof STRANGERS;
type PartlyKnown = { [Key in keyof Where]: string | undefined };

function judged(network: PartlyKnown, ...addresses: string[]) {
  const candidates = addresses.map((address) => ({ address, port: 4000 }));
  return allowedTargets({ ...network, candidates });
}

/** How far a single address may be used; otherwise the reason why not. */
function verdict(network: PartlyKnown, address: string): string {
  const { allowed, refused } = judged(network, address);
  expect(allowed.length + refused.length).toBe(1);
  return allowed[0]?.reach ?? (refused[0]?.reason as string);
}

const NOWHERE = "no peer is reached at such an address";

describe("never, whatever the network", () => {
  const networks: PartlyKnown[] = [STRANGERS, BEHIND_ONE_NAT, ONE_MACHINE];

  test.each([
    ["0.0.0.0", "this network"],
    ["169.254.169.254", "metadata of most clouds"],
    ["169.254.1.1", "link-local"],
    ["100.100.100.200", "metadata of a cloud"],
    ["168.63.129.16", "metadata of a cloud"],
    ["192.0.0.192", "metadata of a cloud"],
    ["224.0.0.1", "multicast"],
    ["239.255.255.250", "multicast"],
    ["240.0.0.1", "reserved, and where pseudo addresses are"],
    ["255.255.255.255", "broadcast"],
    ["::", "unspecified"],
    ["fe80::1", "link-local"],
    ["fec0::1", "site-local"],
    ["ff02::1", "multicast"],
    ["fd00:ec2::254", "metadata of a cloud"],
    ["fd20:ce::254", "metadata of a cloud"],
    ["64:ff9b::7f00:1", "loopback, translated"],
    ["64:ff9b::169.254.169.254", "metadata, translated"],
    ["2002:7f00:1::", "loopback in 6to4"],
    ["2001:0:7f00:1::", "Teredo"],
    ["::127.0.0.1", "IPv4-compatible"],
    ["::ffff:169.254.169.254", "metadata, mapped"],
    ["::ffff:a9fe:a9fe", "metadata, mapped, in hex"],
    ["::ffff:0.0.0.0", "this network, mapped"],
    ["4000::1", "not assigned"],
  ])("%s (%s)", (address) => {
    for (const network of networks) {
      expect(verdict(network, address)).toBe(NOWHERE);
      // Not even where the server says that the peer and this client are there.
      const lie = { peerAddress: address, ownPublicAddress: address, ownLocalAddress: address };
      expect(verdict(lie, address)).toBe(NOWHERE);
    }
  });

  test.each(["127.0.0.1", "127.255.255.254", "::1", "::ffff:127.0.0.1", "::ffff:7f00:1"])(
    "%s: loopback that a peer names",
    (address) => {
      for (const network of [STRANGERS, BEHIND_ONE_NAT, { ...ONE_MACHINE, peerAddress: "127.0.0.2" }])
        expect(verdict(network, address)).toBe("loopback addresses are not for peers");
    },
  );

  test.each([
    "",
    "peer.example",
    "127.1",
    "0x7f000001",
    "2130706433",
    "010.0.0.1",
    "fe80::1%eth0",
    " 1.2.3.4",
  ])("%j: no address", (address) => {
    expect(verdict({ ...STRANGERS, peerAddress: address }, address)).toBe("the address is none");
  });

  test.each([0, -1, 65_536, 1.5, Number.NaN, Number.POSITIVE_INFINITY])("port %d", (port) => {
    const { allowed, refused } = allowedTargets({ ...STRANGERS, candidates: [{ address: PEER, port }] });
    expect(allowed).toEqual([]);
    expect(refused.map(({ reason }) => reason)).toEqual(["the port is none"]);
  });

  test("the lowest and the highest port are ports", () => {
    const candidates = [1, 65_535].map((port) => ({ address: PEER, port }));
    expect(allowedTargets({ ...STRANGERS, candidates }).allowed.map(({ port }) => port)).toEqual([1, 65_535]);
  });
});

describe("the roster's address", () => {
  test("is reached, in every way of writing it", () => {
    expect(verdict(STRANGERS, PEER)).toBe("roster");
    expect(judged(STRANGERS, `::ffff:${PEER}`).allowed).toEqual([
      { address: PEER, port: 4000, reach: "roster" },
    ]);
    const network = { ...STRANGERS, peerAddress: "2a00:1:0:0::7" };
    expect(judged(network, "2A00:0001::7").allowed).toMatchObject([
      { address: "2a00:1::7", reach: "roster" },
    ]);
  });

  test("is no loopback address, unless the server is on this machine", () => {
    expect(verdict(ONE_MACHINE, "127.0.0.1")).toBe("roster");
    const ipv6 = { peerAddress: "::1", ownPublicAddress: "::1", ownLocalAddress: "::1" };
    expect(verdict(ipv6, "::1")).toBe("roster");
    const reason = "a loopback address, and the server is on another machine";
    expect(verdict({ ...ONE_MACHINE, ownLocalAddress: "192.168.1.2" }, "127.0.0.1")).toBe(reason);
    expect(verdict({ ...ONE_MACHINE, ownLocalAddress: undefined }, "127.0.0.1")).toBe(reason);
    const tunnelled = { ...ONE_MACHINE, ownPublicAddress: OWN };
    expect(verdict(tunnelled, "127.0.0.1")).toBe(reason);
  });

  test("may be private: networks of a firm reach further than one translator", () => {
    for (const ownPublicAddress of ["10.0.0.7", "192.168.1.2", OWN, undefined])
      expect(verdict({ ...STRANGERS, peerAddress: "10.0.0.7", ownPublicAddress }, "10.0.0.7")).toBe("roster");
  });

  test("is the only one with several ports, in public", () => {
    const candidates = [
      { address: PEER, port: 1 },
      { address: "192.0.2.1", port: 1 },
      { address: PEER, port: 2 },
      { address: "192.0.2.1", port: 2 },
      { address: "::ffff:192.0.2.1", port: 3 },
    ];
    const { allowed, refused } = allowedTargets({ ...STRANGERS, candidates });
    expect(allowed).toEqual([
      { address: PEER, port: 1, reach: "roster" },
      { address: "192.0.2.1", port: 1, reach: "other" },
      { address: PEER, port: 2, reach: "roster" },
    ]);
    expect(new Set(refused.map(({ reason }) => reason))).toEqual(
      new Set(["a second port of a public address that is not the roster's"]),
    );
  });
});

describe("private addresses", () => {
  const PRIVATE = ["10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.0.1", "100.64.0.1", "fd12::1"];

  test.each(PRIVATE)("%s: only where the public address is the same", (address) => {
    expect(verdict(BEHIND_ONE_NAT, address)).toBe("private");
    const reason = "a private address, and the public one is not the same";
    expect(verdict(STRANGERS, address)).toBe(reason);
    expect(verdict({ ...BEHIND_ONE_NAT, peerAddress: undefined }, address)).toBe(reason);
    expect(verdict({ ...BEHIND_ONE_NAT, ownPublicAddress: undefined }, address)).toBe(reason);
    const unknown = { peerAddress: undefined, ownPublicAddress: undefined, ownLocalAddress: undefined };
    expect(verdict(unknown, address)).toBe(reason);
  });

  test.each([
    "9.255.255.255",
    "11.0.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "192.167.255.255",
    "192.169.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.0",
    "223.255.255.255",
    "2a00::1",
    "3fff:ffff::",
  ])("%s is none: it is public", (address) => {
    expect(verdict(STRANGERS, address)).toBe("other");
  });
});

describe("how many", () => {
  const addresses = (prefix: string, count: number) =>
    Array.from({ length: count }, (_, i) => `${prefix}${i + 1}`);

  test("eight private ones and eight other public ones, not nine", () => {
    for (const [prefix, reach] of [
      ["192.168.7.", "private"],
      ["192.0.2.", "other"],
    ] as const) {
      expect(judged(BEHIND_ONE_NAT, ...addresses(prefix, 8)).refused).toEqual([]);
      const { allowed, refused } = judged(BEHIND_ONE_NAT, ...addresses(prefix, 9));
      expect(allowed.map((target) => target.reach)).toEqual(new Array(8).fill(reach));
      expect(refused).toEqual([
        { candidate: { address: `${prefix}9`, port: 4000 }, reason: "more than 8 of its kind" },
      ]);
    }
  });

  test("what is named twice, in whatever way, counts once", () => {
    const { allowed, refused } = judged(STRANGERS, PEER, `::ffff:${PEER}`, PEER);
    expect(allowed.length).toBe(1);
    expect(refused.map(({ reason }) => reason)).toEqual(["it is named twice", "it is named twice"]);
  });
});

describe("for any candidates in any network", () => {
  const address = fc.oneof(
    fc.constantFrom(
      PEER,
      OWN,
      "10.0.0.1",
      "10.0.0.2",
      "127.0.0.1",
      "::1",
      "::ffff:10.0.0.1",
      "169.254.169.254",
    ),
    fc.nat(0xffffffff).map((ip) => formatIpv4(ip)),
    fc.ipV6(),
    fc.string({ maxLength: 12 }),
  );
  const candidate = fc.record<Endpoint & { kind: string }>({
    address,
    port: fc.oneof(fc.integer({ min: 1, max: 3 }), fc.integer({ min: -2, max: 70_000 })),
    kind: fc.constantFrom("a", "b"),
  });
  const question = fc.record({
    candidates: fc.array(candidate, { maxLength: 40, size: "max" }),
    peerAddress: fc.option(address, { nil: undefined }),
    ownPublicAddress: fc.option(address, { nil: undefined }),
    ownLocalAddress: fc.option(address, { nil: undefined }),
  });

  test("each is allowed or refused once, in order, with all that it carries", () => {
    fc.assert(
      fc.property(question, (asked) => {
        const { allowed, refused } = allowedTargets(asked);
        expect(allowed.length + refused.length).toBe(asked.candidates.length);
        const rest = asked.candidates.filter((one) => !refused.some((refusal) => refusal.candidate === one));
        expect(allowed.map(({ port, kind }) => ({ port, kind }))).toEqual(
          rest.map(({ port, kind }) => ({ port, kind })),
        );
      }),
    );
  });

  test("no bound is passed, and what is allowed is allowed again by itself", () => {
    fc.assert(
      fc.property(question, (asked) => {
        const { allowed } = allowedTargets(asked);
        for (const reach of ["roster", "private", "other"])
          expect(allowed.filter((target) => target.reach === reach).length).toBeLessThanOrEqual(
            MAX_TARGETS_OF_A_KIND,
          );
        const others = allowed.filter(({ reach }) => reach === "other").map((target) => target.address);
        expect(new Set(others).size).toBe(others.length);
        const roster = allowed.filter(({ reach }) => reach === "roster").map((target) => target.address);
        expect(new Set(roster).size).toBeLessThanOrEqual(1);
        if (allowed.some(({ reach }) => reach === "private"))
          expect(verdict(asked, allowed.find(({ reach }) => reach === "private")?.address ?? "")).toBe(
            "private",
          );
        expect(allowedTargets({ ...asked, candidates: allowed }).allowed).toEqual(allowed);
      }),
    );
  });
});

describe("where others show the peer's identity", () => {
  const otherAddresses = ["192.0.2.99", "198.18.0.1", undefined];
  const reachOf = (network: PartlyKnown, address: string) =>
    allowedTargets({ ...network, otherAddresses, candidates: [{ address, port: 4000 }] }).allowed[0]?.reach;

  test("the roster's address of each is the roster's", () => {
    expect(reachOf(STRANGERS, PEER)).toBe("roster");
    expect(reachOf(STRANGERS, "::ffff:203.0.113.7")).toBe("roster");
    expect(reachOf(STRANGERS, "198.18.0.1")).toBe("roster");
    expect(reachOf(STRANGERS, "198.18.0.2")).toBe(undefined);
  });

  test("private addresses are for who has one of them behind the same", () => {
    expect(reachOf(STRANGERS, "10.0.0.7")).toBe(undefined);
    expect(reachOf({ ...STRANGERS, ownPublicAddress: "198.18.0.1" }, "10.0.0.7")).toBe("private");
    expect(reachOf({ ...STRANGERS, ownPublicAddress: undefined }, "10.0.0.7")).toBe(undefined);
  });
});
