import { randomBytes } from "node:crypto";
import type { Endpoint } from "@lekt/protocol";
import { describe, expect, it } from "vitest";
import { decodeProbe, encodeProbe, NO_ECHO, type Probe } from "../../src/udp/probe.ts";
import { MANY_SOCKETS, Punch, type PunchEffect, type PunchOptions } from "../../src/udp/punch.ts";

const ATTEMPT = "0123456789abcdef";
const SECRET = randomBytes(32);
const PEER = { address: "203.0.113.7", port: 4_000 };

function punchOf(options: Partial<PunchOptions> = {}): Punch {
  return new Punch({
    role: "accepting",
    attempt: ATTEMPT,
    secret: SECRET,
    cookieKey: randomBytes(32),
    targets: [{ ...PEER, maxPackets: 64, isTranslated: true }],
    openingTtl: 4,
    answersTo: () => 5,
    manySockets: "neither",
    rosterAddress: PEER.address,
    nowMs: 0,
    durationMs: 3_000,
    random: 1,
    ...options,
  });
}

function probeBytes(probe: Partial<Probe>, secret: Uint8Array = SECRET): Uint8Array {
  const cookie = "aaaaaaaaaaaaaaaa";
  return encodeProbe(
    { role: "dialing", kind: "probe", attempt: ATTEMPT, cookie, echo: NO_ECHO, ...probe },
    secret,
  );
}

/** All that a punch sends by itself until it gives up. */
function runAlone(punch: Punch): PunchEffect[] {
  const effects: PunchEffect[] = [];
  while (punch.nextMs !== Number.POSITIVE_INFINITY) effects.push(...punch.advance(punch.nextMs));
  return effects;
}

function sends(effects: readonly PunchEffect[]): (PunchEffect & { type: "send" })[] {
  return effects.filter((effect) => effect.type === "send");
}

/** The cookie that the punch has for an address, as the peer there would learn it. */
function cookieFor(punch: Punch, from: Endpoint): string {
  const [answer] = sends(punch.receive(10, 0, from, probeBytes({})));
  return decodeProbe(answer?.bytes as Uint8Array, SECRET)?.cookie as string;
}

describe("punching", () => {
  it("opens for a peer that echoes the cookie of its address, and confirms as often as it is told", () => {
    const punch = punchOf();
    const chosen = probeBytes({ kind: "chosen", echo: cookieFor(punch, PEER) });
    const first = punch.receive(20, 0, PEER, chosen);
    expect(first.map(({ type }) => type)).toEqual(["send", "open"]);
    const again = punch.receive(30, 0, PEER, chosen);
    expect(again.map(({ type }) => type)).toEqual(["send"]);
    expect(decodeProbe(sends(again)[0]?.bytes as Uint8Array, SECRET)?.kind).toBe("confirmed");
  });

  it("does not open for who knows the secret and not the cookie: it may be elsewhere", () => {
    const punch = punchOf();
    const other = cookieFor(punch, { ...PEER, port: 4_001 });
    for (const echo of [NO_ECHO, other, "bbbbbbbbbbbbbbbb"]) {
      const effects = punch.receive(20, 0, PEER, probeBytes({ kind: "chosen", echo }));
      expect(effects.some(({ type }) => type === "open")).toBe(false);
    }
  });

  it("has another cookie for each of its sockets", () => {
    const punch = punchOf();
    const echo = cookieFor(punch, PEER);
    const effects = punch.receive(20, 3, PEER, probeBytes({ kind: "chosen", echo }));
    expect(effects.some(({ type }) => type === "open")).toBe(false);
  });

  it("answers nothing but probes of the peer, made for this attempt", () => {
    const punch = punchOf();
    const good = probeBytes({});
    const flipped = Array.from(good, (_, at) => good.map((byte, i) => (i === at ? byte ^ 0x01 : byte)));
    const strange = [
      ...flipped,
      probeBytes({}, randomBytes(32)),
      probeBytes({ attempt: "fedcba9876543210" }),
      // Its own, thrown back by a router.
      probeBytes({ role: "accepting" }),
      good.subarray(0, 46),
      Buffer.concat([good, Buffer.of(0)]),
      Buffer.alloc(0),
    ];
    for (const datagram of strange) expect(punch.receive(10, 0, PEER, datagram)).toEqual([]);
    expect(punch.hasHeard).toBe(false);
    expect(punch.receive(10, 0, PEER, good)).toHaveLength(1);
  });

  it("opens on the dialing side only when its choice was confirmed from there", () => {
    const punch = punchOf({ role: "dialing" });
    const echo = firstCookie(punch);
    const accepting = { role: "accepting", echo } as const;
    const choice = punch.receive(20, 0, PEER, probeBytes(accepting));
    expect(decodeProbe(sends(choice)[0]?.bytes as Uint8Array, SECRET)?.kind).toBe("chosen");
    expect(punch.receive(30, 0, PEER, probeBytes(accepting))).toEqual([]);
    // The choice is told again until then.
    expect(sends(punch.advance(punch.nextMs))).toHaveLength(1);
    const elsewhere = { ...PEER, port: 4_001 };
    const wrong = punch.receive(40, 0, elsewhere, probeBytes({ ...accepting, kind: "confirmed" }));
    expect(wrong).toEqual([]);
    const confirmed = punch.receive(50, 0, PEER, probeBytes({ ...accepting, kind: "confirmed" }));
    expect(confirmed).toEqual([{ type: "open", socket: 0, remote: PEER }]);
    expect(punch.nextMs).toBe(Number.POSITIVE_INFINITY);
  });

  it("opens its own side by a packet that ends on the way, and sends others when the dialing side has begun", () => {
    const targets = [
      { ...PEER, maxPackets: 64, isTranslated: true },
      { address: "192.168.1.7", port: 4_000, maxPackets: 64, isTranslated: false },
    ];
    const ttls = (effects: readonly PunchEffect[]) => sends(effects).map(({ to, ttl }) => [to.address, ttl]);
    const punch = punchOf({ targets });
    expect(punch.nextMs).toBe(0);
    expect(ttls(punch.advance(0))).toEqual([
      [PEER.address, 4],
      ["192.168.1.7", undefined],
    ]);
    // Nobody told: it begins after a second.
    expect(punch.nextMs).toBe(1_000);
    punch.peerBegan(200);
    expect(punch.nextMs).toBe(200);
    const probes = [
      [PEER.address, undefined],
      ["192.168.1.7", undefined],
    ];
    expect(ttls(punch.advance(200))).toEqual(probes);
    expect(punch.nextMs).toBe(260);
    // Told twice.
    punch.peerBegan(250);
    expect(punch.nextMs).toBe(260);
    expect(ttls(punchOf({ targets, role: "dialing" }).advance(0))).toEqual(probes);
  });

  it("gives up at its time, and does nothing after it", () => {
    const punch = punchOf();
    const effects = runAlone(punch);
    expect(effects.at(-1)).toEqual({ type: "gave-up" });
    expect(punch.receive(4_000, 0, PEER, probeBytes({}))).toEqual([]);
    expect(punch.advance(5_000)).toEqual([]);
  });
});

/** The dialing side's cookie for the peer, from its first probe. */
function firstCookie(punch: Punch): string {
  const [first] = sends(punch.advance(0));
  return decodeProbe(first?.bytes as Uint8Array, SECRET)?.cookie as string;
}

describe("whom punching sends to", () => {
  it("sends a strange address five packets at most, its answers with them, until it shows that it hears them", () => {
    const maxPackets = 5;
    const punch = punchOf({ targets: [{ ...PEER, maxPackets, isTranslated: true }] });
    let sent = 0;
    for (let ms = 0; ms < 2_900; ms += 5) {
      if (ms >= punch.nextMs) sent += sends(punch.advance(ms)).length;
      // As often as somebody with the secret likes to ask in its name.
      sent += sends(punch.receive(ms, 0, PEER, probeBytes({}))).length;
    }
    expect(sent).toBe(maxPackets);
    const proven = punchOf({ targets: [{ ...PEER, maxPackets, isTranslated: true }] });
    const echo = cookieFor(proven, PEER);
    for (let i = 0; i < 20; i++) sent += sends(proven.receive(20, 0, PEER, probeBytes({ echo }))).length;
    expect(sent).toBe(maxPackets + 20);
  });

  it("keeps packets back for answers", () => {
    const punch = punchOf({ targets: [{ ...PEER, maxPackets: 5, isTranslated: true }] });
    const alone = sends(runAlone(punch)).length;
    expect(alone).toBeGreaterThanOrEqual(2);
    expect(alone).toBeLessThanOrEqual(3);
  });

  it("answers eight addresses that were not offered, and no ninth", () => {
    const punch = punchOf({ targets: [] });
    const answered: number[] = [];
    for (let i = 0; i < 20; i++) {
      const from = { address: `198.51.100.${i}`, port: 9 };
      let count = 0;
      for (let n = 0; n < 20; n++) count += sends(punch.receive(10, 0, from, probeBytes({}))).length;
      answered.push(count);
    }
    expect(answered).toEqual([...new Array(8).fill(5), ...new Array(12).fill(0)]);
  });

  it("opens many sockets to one port of the roster's address, each with few packets", () => {
    const other = { address: "198.51.100.9", port: 5_000, maxPackets: 5, isTranslated: true };
    const punch = punchOf({
      targets: [other, { ...PEER, maxPackets: 64, isTranslated: true }],
      manySockets: "here",
      durationMs: 21_000,
    });
    const counts = new Map<number, number>();
    for (const { socket, to } of sends(runAlone(punch))) {
      if (socket > 0) expect(to).toEqual(PEER);
      counts.set(socket, (counts.get(socket) ?? 0) + 1);
    }
    expect(counts.size).toBe(1 + MANY_SOCKETS);
    expect(Math.max(...counts.keys())).toBe(MANY_SOCKETS);
    counts.delete(0);
    expect(Math.max(...counts.values())).toBeLessThanOrEqual(5);
  });

  it("searches ports of the roster's address alone, two hundred a second at first and a hundred then, none twice", () => {
    const punch = punchOf({
      targets: [{ ...PEER, maxPackets: 64, isTranslated: true }],
      manySockets: "there",
      durationMs: 21_000,
    });
    const all = sends(runAlone(punch));
    expect(new Set(all.map(({ to }) => to.address))).toEqual(new Set([PEER.address]));
    expect(new Set(all.map(({ socket }) => socket))).toEqual(new Set([0]));
    const ports = new Set(all.map(({ to }) => to.port));
    expect(all.length - ports.size).toBeLessThan(12);
    expect(ports.size).toBeGreaterThan(2_100);
    expect(ports.size).toBeLessThan(2_300);
  });

  it("makes up for eight intervals in which the machine was late, and for no more", () => {
    const punch = punchOf({ targets: [], manySockets: "there", durationMs: 21_000 });
    punch.peerBegan(0);
    expect(sends(punch.advance(290))).toHaveLength(8);
    expect(sends(punch.advance(6_000))).toHaveLength(8);
    expect(sends(punch.advance(6_000))).toHaveLength(1);
  });

  it("uses many sockets nowhere where the roster has no address to send to", () => {
    const punch = punchOf({ manySockets: "there", rosterAddress: undefined, durationMs: 21_000 });
    expect(sends(runAlone(punch)).length).toBeLessThan(12);
  });
});
