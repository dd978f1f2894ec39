import type { PeerSignal } from "@lekt/protocol";
import { describe, expect, it } from "vitest";
import {
  descriptionSignal,
  dialingStream,
  failSignal,
  MAX_CANDIDATES,
  MAX_ROUNDS,
  readDescription,
  readReason,
  type UdpDescription,
} from "../../src/udp/udp-signal.ts";

const DESCRIPTION: UdpDescription = {
  round: 0,
  secret: "00112233445566778899aabbccddeeff",
  stream: 4_294_967_295,
  nat: "symmetric",
  candidates: [
    { kind: "reflexive", address: "203.0.113.7", port: 4_000 },
    { kind: "host", address: "2001:db8::7", port: 65_535 },
  ],
};

function offer(change: Record<string, unknown> = {}): PeerSignal {
  return { ...descriptionSignal("offer", "0123456789abcdef", DESCRIPTION), ...change };
}

describe("signals of the method udp", () => {
  it("read as they were written, through JSON", () => {
    expect(readDescription(JSON.parse(JSON.stringify(offer())) as PeerSignal)).toEqual(DESCRIPTION);
  });

  it.each<[string, Record<string, unknown>]>([
    ["a round too many", { round: MAX_ROUNDS }],
    ["a round before the first", { round: -1 }],
    ["a round that is no number", { round: "0" }],
    ["a short secret", { secret: "0011" }],
    ["a secret of other letters", { secret: "x".repeat(32) }],
    ["no secret", { secret: undefined }],
    ["a stream id of 0", { stream: 0 }],
    ["a stream id past 32 bits", { stream: 2 ** 32 }],
    ["a stream id with a fraction", { stream: 1.5 }],
    ["a kind of network that is not known", { nat: "cone" }],
    ["candidates that are no list", { candidates: {} }],
    ["a candidate too many", { candidates: new Array(MAX_CANDIDATES + 1).fill(DESCRIPTION.candidates[0]) }],
  ])("are not taken with %s", (_name, change) => {
    expect(readDescription(offer(change))).toBeUndefined();
  });

  it("may name as many candidates as the limit says", () => {
    const candidates = new Array(MAX_CANDIDATES).fill(DESCRIPTION.candidates[0]);
    expect(readDescription(offer({ candidates }))?.candidates).toHaveLength(MAX_CANDIDATES);
  });

  it("lose candidates that are none, and keep the others", () => {
    const good = DESCRIPTION.candidates[0];
    const bad = [
      null,
      "203.0.113.7:4000",
      { ...good, port: 0 },
      { ...good, port: 65_536 },
      { ...good, address: "example.org" },
      { ...good, address: "fe80::1%eth0" },
      { ...good, address: 7 },
      { ...good, kind: "relayed" },
    ];
    expect(readDescription(offer({ candidates: [...bad, good] }))?.candidates).toEqual([good]);
  });

  it.each([
    ["00000000", 0x1234_5678, 0x1234_5678],
    ["ffffffff", 0x1234_5678, 0xedcb_a987],
    ["80000001", 1, 0x8000_0000],
    ["12345678", 0x1234_5678, 1],
  ])("with %s in the answer's secret and stream %i in the offer, packets bear %i", (start, stream, id) => {
    const answer = { ...DESCRIPTION, secret: `${start}${"5".repeat(24)}` };
    expect(dialingStream({ ...DESCRIPTION, stream }, answer)).toBe(id);
  });

  it("give a reason that fits into a line", () => {
    expect(readReason(failSignal("0123456789abcdef", "no way"))).toBe("no way");
    const signal = { ...failSignal("0123456789abcdef", ""), reason: `\u001b[31m${"x".repeat(1_000)}` };
    expect(readReason(signal)).toHaveLength(200);
    expect(readReason(signal)).toMatch(/^\?\[31mx+$/);
    expect(readReason({ ...signal, reason: 7 })).toBe("no reason given");
  });
});
