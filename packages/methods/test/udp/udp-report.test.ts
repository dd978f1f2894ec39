import type { Endpoint, NetworkFacts } from "@lekt/protocol";
import { describe, expect, it, onTestFinished } from "vitest";
import { IDENTITY_A } from "../fake-host.ts";
import { StunResponder } from "./stun-responder.ts";
import { deadSocket, side } from "./udp-sides.ts";

describe("a report", () => {
  const OFF = { state: "off" };
  async function responders(
    number: number,
    seen?: (from: Endpoint, number: number) => Endpoint,
  ): Promise<string[]> {
    const opened = Array.from({ length: number }, (_, i) =>
      StunResponder.open(seen && ((from) => seen(from, i))),
    );
    const open = await Promise.all(opened);
    for (const responder of open) onTestFinished(() => responder.close());
    return open.map(({ text }) => text);
  }
  async function report(stun: readonly string[], facts: Partial<NetworkFacts> = {}) {
    const { method } = await side(IDENTITY_A, { publicAddress: "203.0.113.7", stun, ...facts });
    return method.report();
  }

  it("tells of a socket that is seen as it is", async () => {
    expect(await report(await responders(2), { publicAddress: "127.0.0.1" })).toEqual({
      method: "udp",
      reach: "agreed",
      nat: "none",
      seenAt: [{ address: "127.0.0.1", port: expect.any(Number) }],
      portMapping: OFF,
    });
  });

  it("tells the kinds of translators", async () => {
    const address = "203.0.113.7";
    const same = await report(await responders(2, () => ({ address, port: 5_000 })));
    expect(same).toMatchObject({ reach: "agreed", nat: "independent", seenAt: [{ address, port: 5_000 }] });
    const many = await report(await responders(2, (_, number) => ({ address, port: 5_000 + number })));
    expect(many).toMatchObject({ reach: "agreed", nat: "symmetric" });
    expect(many.seenAt).toHaveLength(2);
  });

  it("says what is missing to tell", async () => {
    expect(await report([])).toMatchObject({
      reach: "local",
      nat: "unknown",
      reason: "the server names no STUN responder",
    });
    const one = await responders(1, () => ({ address: "203.0.113.7", port: 5_000 }));
    expect(await report(one)).toMatchObject({
      reach: "agreed",
      nat: "unknown",
      reason: "too few of the server's STUN responders answer",
    });
    expect(await report([`127.0.0.1:${await deadSocket()}`])).toMatchObject({
      reach: "local",
      nat: "blocked",
      reason: "no STUN responder of the server answers",
    });
  });

  it("is given where the room is left", async () => {
    const { method } = await side(IDENTITY_A);
    await method.close();
    expect(await method.report()).toMatchObject({ reach: "none" });
  });
});
