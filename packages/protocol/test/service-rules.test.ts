import { describe, expect, it } from "vitest";
import { type ServiceQuestion, serviceObstacle } from "../src/peers/service-rules.ts";

const FAR: Omit<ServiceQuestion, "address"> = {
  namedBy: "server",
  ownPublicAddress: "203.0.113.7",
  ownLocalAddress: "192.168.1.7",
};

describe("a relay or STUN server", () => {
  it.each(["203.0.113.9", "2001:db8::9", "192.168.1.9", "10.1.2.3"])(
    "of the own server may be at %s",
    (address) => {
      expect(serviceObstacle({ ...FAR, address })).toBeUndefined();
    },
  );

  it.each([
    "169.254.169.254",
    "::ffff:169.254.169.254",
    "fd00:ec2::254",
    "fe80::1",
    "64:ff9b::a9fe:a9fe",
    "224.0.0.1",
    "255.255.255.255",
    "0.0.0.0",
    "::",
    "localhost",
    "",
  ])("is never at %s, whoever says so", (address) => {
    for (const namedBy of ["server", "peer"] as const)
      expect(serviceObstacle({ ...FAR, namedBy, address })).toBeDefined();
  });

  it.each(["127.0.0.1", "127.5.5.5", "::1", "::ffff:127.0.0.1"])(
    "is at %s only where the own server is on this machine",
    (address) => {
      for (const namedBy of ["server", "peer"] as const) {
        expect(serviceObstacle({ ...FAR, namedBy, address })).toMatch(/loopback/);
        // That the server says it is on this machine is not enough.
        expect(serviceObstacle({ ...FAR, namedBy, address, ownPublicAddress: "127.0.0.1" })).toMatch(
          /loopback/,
        );
        const here = { ownPublicAddress: "127.0.0.1", ownLocalAddress: "::ffff:127.0.0.1" };
        expect(serviceObstacle({ namedBy, address, ...here })).toBeUndefined();
      }
    },
  );

  it("of a peer is at a private address only where the own server is in a private network, too", () => {
    const question = { ...FAR, namedBy: "peer", address: "192.168.1.1" } as const;
    expect(serviceObstacle(question)).toMatch(/private/);
    expect(serviceObstacle({ ...question, ownPublicAddress: undefined })).toMatch(/private/);
    expect(serviceObstacle({ ...question, ownPublicAddress: "192.168.1.7" })).toBeUndefined();
    // A server on this machine says nothing of the network around it.
    expect(serviceObstacle({ ...question, ownPublicAddress: "127.0.0.1" })).toMatch(/private/);
  });
});
