import { answerBindingRequest, type Endpoint } from "@lekt/protocol";
import { describe, expect, it, vi } from "vitest";
import { judgeAnswers, NatObserver, STUN_TIMEOUT_MS } from "../../src/udp/nat-observer.ts";

const OUTER = { address: "203.0.113.5", port: 4_000 };

describe("the kind of address translation", () => {
  it.each<[string, (Endpoint | undefined)[], string, number]>([
    ["no server is known", [], "unknown", 0],
    ["no server answers", [undefined, undefined], "blocked", 0],
    ["one of two answers", [OUTER, undefined], "unknown", 1],
    ["both see the same port", [OUTER, { ...OUTER }], "independent", 1],
    ["each sees another port", [OUTER, { ...OUTER, port: 4_001 }], "symmetric", 2],
    ["each sees another address", [OUTER, { ...OUTER, address: "203.0.113.6" }], "symmetric", 2],
    [
      "both see IPv6 alone",
      [
        { address: "2001:db8::5", port: 1 },
        { address: "2001:db8::5", port: 2 },
      ],
      "unknown",
      2,
    ],
    ["one of each family", [OUTER, { address: "2001:db8::5", port: 4_000 }], "unknown", 2],
  ])("%s", (_name, answers, nat, reflexive) => {
    const observation = judgeAnswers(answers);
    expect(observation.nat).toBe(nat);
    expect(observation.reflexive).toHaveLength(reflexive);
  });
});

describe("asking STUN servers", () => {
  const servers = [
    { address: "192.0.2.1", port: 3_478 },
    { address: "192.0.2.1", port: 3_479 },
  ];

  it("asks again where an answer is lost, and takes none that it did not ask for", async () => {
    vi.useFakeTimers();
    try {
      let sent = 0;
      const observer = new NatObserver((_to, request) => {
        // Each first request is lost.
        if (++sent > 2) observer.receive(answerBindingRequest(request, OUTER) as Uint8Array);
      });
      const foreign = Buffer.alloc(20);
      foreign.writeUInt16BE(1, 0);
      foreign.writeUInt32BE(0x2112a442, 4);
      observer.receive(answerBindingRequest(foreign, { address: "198.51.100.66", port: 66 }) as Uint8Array);
      const observing = observer.observe(servers);
      await vi.advanceTimersByTimeAsync(250);
      expect(await observing).toEqual({ nat: "independent", reflexive: [OUTER] });
      expect(sent).toBe(4);
    } finally {
      vi.useRealTimers();
    }
  });

  it("calls UDP blocked after four requests to each", async () => {
    vi.useFakeTimers();
    try {
      let sent = 0;
      const observer = new NatObserver(() => sent++);
      const observing = observer.observe(servers);
      await vi.advanceTimersByTimeAsync(STUN_TIMEOUT_MS);
      expect(await observing).toEqual({ nat: "blocked", reflexive: [] });
      expect(sent).toBe(8);
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });

  it("asks four servers and no fifth, and none any more once it is closed", async () => {
    const asked = new Set<number>();
    const observer = new NatObserver(({ port }) => asked.add(port));
    const observing = observer.observe([1, 2, 3, 4, 5].map((port) => ({ address: "192.0.2.1", port })));
    await vi.waitFor(() => expect(asked.size).toBe(4));
    observer.close();
    expect((await observing).reflexive).toEqual([]);
    expect(asked).toEqual(new Set([1, 2, 3, 4]));
  });

  it("leaves what is not STUN to others", () => {
    const observer = new NatObserver(() => {});
    expect(observer.receive(Buffer.from("LEKTP"))).toBe(false);
    expect(observer.receive(Buffer.alloc(0))).toBe(false);
  });
});
