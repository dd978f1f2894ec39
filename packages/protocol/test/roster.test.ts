import { describe, expect, test } from "vitest";
import { concatBytes } from "../src/bytes.ts";
import { encodeClientObject } from "../src/packets/client-object.ts";
import { encodeEndOfReply } from "../src/packets/update.ts";
import { Roster, type RosterOptions } from "../src/roster.ts";
import { RosterMember } from "../src/roster-member.ts";
import { type ServerPacket, ServerPacketDecoder } from "../src/server-packet-decoder.ts";
import { EditionRoster } from "./edition-roster.ts";
import { pagesOf, RosterReader } from "./roster-reader.ts";
import { decodePieces } from "./stream-pieces.ts";
import { describePackets } from "./vector-packets.ts";

const NOW_MS = 50_000;
const UNIX = 1_774_483_200;

function member(ip: number, payloadBytes = 0): RosterMember {
  const methods = payloadBytes === 0 ? [] : [{ index: 21, payload: new Uint8Array(payloadBytes) }];
  return new RosterMember(ip, encodeClientObject({ ip, methods }), new Uint8Array(8));
}

/** A roster in which these have been announced, a while ago. */
function rosterOf(members: readonly RosterMember[], options: Partial<RosterOptions> = {}): EditionRoster {
  const roster = new EditionRoster(options);
  for (const member of members) roster.add(member);
  roster.tick(NOW_MS - 10_000, UNIX - 10);
  return roster;
}

/** What the log says from `position` on: "A 0.0.0.1" and "R 0.0.0.1". */
function said(roster: EditionRoster, position: number): string[] {
  const decoder = new ServerPacketDecoder();
  decoder.phase = "heartbeat";
  const { packets } = decodePieces<ServerPacket>(decoder, roster.log.read(position, 1e9) ?? []);
  return (describePackets(packets) as { clients?: { ip: string }[]; ips?: string[] }[]).flatMap(
    ({ clients, ips }) => [
      ...(clients ?? []).map(({ ip }) => `A ${ip}`),
      ...(ips ?? []).map((ip) => `R ${ip}`),
    ],
  );
}

describe("a crowd behind one address", () => {
  /** How many of the crowd are looked at where 10 of them leave, and 10 others change. */
  function looks(crowd: number, withSessions: boolean): number {
    let looks = 0;
    const members = Array.from({ length: crowd }, () => {
      const one = member(1);
      let announced = false;
      Object.defineProperty(one, "announced", {
        get: () => {
          looks++;
          return announced;
        },
        set: (value: boolean) => {
          announced = value;
        },
      });
      return one;
    });
    const roster = new EditionRoster({}, withSessions);
    for (const one of members) roster.add(one);
    roster.tick(NOW_MS - 10_000, UNIX - 10);
    looks = 0;
    for (const one of members.slice(0, 10)) roster.remove(one, NOW_MS);
    for (const one of members.slice(10, 20)) roster.change(one, member(1, 5).object, NOW_MS);
    if (withSessions) roster.tick(NOW_MS, UNIX);
    return looks;
  }

  test("is not looked through for each one that leaves or changes", () => {
    for (const withSessions of [false, true])
      expect(looks(2_000, withSessions)).toBe(looks(200, withSessions));
  });
});

describe("when a tick is due", () => {
  test("never where nothing changed", () => {
    expect(new EditionRoster().nextTickMs).toBe(Number.POSITIVE_INFINITY);
    expect(rosterOf([member(1)]).nextTickMs).toBe(Number.POSITIVE_INFINITY);
    expect(rosterOf([]).hasNews(Number.MAX_VALUE)).toBe(false);
  });

  test("at once after a quiet spell, then 20 ms apart", () => {
    const roster = rosterOf([member(1)]);
    roster.add(member(2));
    expect(roster.nextTickMs).toBeLessThanOrEqual(NOW_MS);
    expect(roster.hasNews(NOW_MS)).toBe(true);
    roster.tick(NOW_MS, UNIX);
    expect(roster.hasNews(NOW_MS)).toBe(false);
    roster.add(member(3));
    expect(roster.nextTickMs).toBe(NOW_MS + 20);
    const leaving = member(4);
    roster.add(leaving);
    roster.tick(NOW_MS + 20, UNIX);
    roster.remove(leaving, NOW_MS + 25);
    expect(roster.nextTickMs).toBe(NOW_MS + 40);
  });

  test("tickMs says how far apart", () => {
    const roster = rosterOf([], { tickMs: 500 });
    roster.tick(NOW_MS, UNIX);
    roster.add(member(1));
    expect(roster.nextTickMs).toBe(NOW_MS + 500);
  });
});

describe("who comes and who goes", () => {
  test("stands in the log with the time at which it was encoded", () => {
    const [first, second] = [member(1), member(2)];
    const roster = rosterOf([first]);
    const position = roster.log.end;
    roster.add(second);
    roster.remove(first, NOW_MS);
    roster.tick(NOW_MS, UNIX);
    expect(said(roster, position)).toEqual(["R 0.0.0.1", "A 0.0.0.2"]);
    const [packet] = roster.log.read(position, 1e9) as [Uint8Array];
    expect(Buffer.from(packet).readBigInt64BE(8)).toBe(BigInt(UNIX));
    expect(roster.size).toBe(1);
  });

  test("within one tick was never there", () => {
    const roster = rosterOf([member(1)]);
    const position = roster.log.end;
    const brief = member(1);
    roster.add(brief);
    roster.remove(brief, NOW_MS);
    roster.tick(NOW_MS, UNIX);
    expect(roster.log.end).toBe(position);
    expect(roster.snapshotNow(UNIX).bytes).toBe(8);
    expect(roster.size).toBe(1);
  });

  test("twice is once: a second remove does nothing", () => {
    const [first, second] = [member(1), member(1)];
    const roster = rosterOf([first, second]);
    roster.remove(first, NOW_MS);
    roster.remove(first, NOW_MS);
    expect(roster.size).toBe(1);
    roster.tick(NOW_MS + 1_000, UNIX);
    expect(roster.snapshotNow(UNIX).bytes).toBe(8);
  });

  test("each change is encoded once, however many read it", () => {
    let allocations = 0;
    const allocate = (bytes: number) => {
      allocations++;
      return new Uint8Array(bytes);
    };
    const roster = rosterOf([member(1)], { allocate });
    const readers = Array.from({ length: 1_000 }, () => new RosterReader(roster));
    for (const reader of readers) reader.read(NOW_MS, UNIX, 1_000);
    const { end } = roster.log;
    allocations = 0;
    roster.add(member(2, 100));
    roster.tick(NOW_MS, UNIX);
    expect(roster.log.end - end).toBe(20 + 4 + 4 + 8 + 100);
    for (const reader of readers) expect(reader.read(NOW_MS, UNIX, 1_000)).toHaveLength(1);
    // One short reply for all thousand; the log's first block had room.
    expect(allocations).toBe(1);
  });
});

describe("a shared address", () => {
  test.each([
    { others: 0, waitsMs: 0 },
    { others: 1, waitsMs: 10 },
    { others: 3, waitsMs: 30 },
    { others: 100, waitsMs: 1_000 },
    { others: 150, waitsMs: 1_000 },
  ])("with $others others waits $waitsMs ms until it is listed anew", ({ others, waitsMs }) => {
    const leaving = member(1);
    const roster = rosterOf([...Array.from({ length: others }, () => member(1)), leaving, member(2)]);
    const position = roster.log.end;
    roster.remove(leaving, NOW_MS);
    expect(roster.nextTickMs).toBe(NOW_MS + waitsMs);
    if (waitsMs > 0) {
      expect(roster.hasNews(NOW_MS + waitsMs - 1)).toBe(false);
      roster.tick(NOW_MS + waitsMs - 1, UNIX);
      expect(said(roster, position)).toEqual([]);
      expect(roster.nextTickMs).toBe(NOW_MS + waitsMs - 1 + 20);
    }
    expect(roster.hasNews(NOW_MS + waitsMs)).toBe(true);
    roster.tick(NOW_MS + waitsMs, UNIX);
    expect(said(roster, position)).toEqual(["R 0.0.0.1", ...new Array(others).fill("A 0.0.0.1")]);
    expect(roster.nextTickMs).toBe(Number.POSITIVE_INFINITY);
  });

  test("gatherMs bounds the wait", () => {
    const leaving = member(1);
    const roster = rosterOf([...Array.from({ length: 30 }, () => member(1)), leaving], { gatherMs: 40 });
    roster.remove(leaving, NOW_MS);
    expect(roster.nextTickMs).toBe(NOW_MS + 40);
  });

  test("newcomers that nobody was told of yet make nobody wait", () => {
    const leaving = member(1);
    const roster = rosterOf([leaving]);
    const position = roster.log.end;
    roster.add(member(1));
    roster.remove(leaving, NOW_MS);
    roster.tick(NOW_MS, UNIX);
    expect(said(roster, position)).toEqual(["R 0.0.0.1", "A 0.0.0.1"]);
  });

  test("gathers further leaves, which do not put it off", () => {
    const members = Array.from({ length: 5 }, () => member(1));
    const roster = rosterOf(members);
    const position = roster.log.end;
    roster.remove(members[0] as RosterMember, NOW_MS);
    roster.remove(members[3] as RosterMember, NOW_MS + 39);
    expect(roster.nextTickMs).toBe(NOW_MS + 40);
    roster.tick(NOW_MS + 40, UNIX);
    expect(said(roster, position)).toEqual(["R 0.0.0.1", "A 0.0.0.1", "A 0.0.0.1", "A 0.0.0.1"]);
  });

  test("that nobody is behind any more waits no longer", () => {
    const members = Array.from({ length: 3 }, () => member(1));
    const roster = rosterOf(members);
    const position = roster.log.end;
    for (const member of members) roster.remove(member, NOW_MS);
    expect(roster.nextTickMs).toBeLessThanOrEqual(NOW_MS);
    roster.tick(NOW_MS, UNIX);
    expect(said(roster, position)).toEqual(["R 0.0.0.1"]);
  });

  test("whoever joins behind it is one packet more, listed once, also where a leave waits", () => {
    const members = [member(1), member(1)];
    const roster = rosterOf(members);
    const position = roster.log.end;
    roster.remove(members[0] as RosterMember, NOW_MS);
    roster.add(member(1));
    roster.tick(NOW_MS, UNIX);
    expect(said(roster, position)).toEqual(["A 0.0.0.1"]);
    roster.add(member(1));
    roster.tick(NOW_MS + 20, UNIX);
    const anew = ["R 0.0.0.1", "A 0.0.0.1", "A 0.0.0.1", "A 0.0.0.1"];
    expect(said(roster, position)).toEqual(["A 0.0.0.1", ...anew]);
  });

  test("a newcomer whose snapshot lies before a leave that waits is told of no one who left", () => {
    const members = [member(1, 1), member(1, 2), member(2)];
    const roster = rosterOf(members);
    roster.snapshotNow(UNIX);
    roster.remove(members[0] as RosterMember, NOW_MS);
    const before = new RosterReader(roster);
    before.read(NOW_MS, UNIX, 1_000);
    roster.tick(NOW_MS + 10, UNIX);
    const after = new RosterReader(roster);
    after.read(NOW_MS, UNIX, 1_000);
    expect(after.view.size).toBe(2);
    expect(before.read(NOW_MS, UNIX, 1_000)).toMatchObject([{ type: "left" }]);
    expect(before.keys).toEqual(after.keys);
  });
});

describe("editions", () => {
  /** A roster, and how often a packet of each edition was encoded since. */
  function countedRoster() {
    let packets = 0;
    const allocate = (bytes: number) => {
      packets++;
      return new Uint8Array(bytes);
    };
    const roster = new Roster({ random: (bytes) => new Uint8Array(bytes), allocate, historyMs: 1_000 });
    let nowMs = NOW_MS;
    const blocksOf = (change: () => void) => {
      nowMs += 100;
      packets = 0;
      change();
      roster.tick(nowMs, UNIX);
      return packets;
    };
    return { roster, blocksOf };
  }

  test("are encoded where they have a reader, or await one who may come back", () => {
    const { roster, blocksOf } = countedRoster();
    // Larger than a block, so that each packet is a block of its own.
    const join = () => blocksOf(() => roster.add(member(1, 32_000)));
    expect(join()).toBe(0);
    const plain = roster.enter(false);
    expect(join()).toBe(1);
    const withSessions = roster.enter(true);
    expect(join()).toBe(2);
    roster.exit(plain, NOW_MS, false);
    expect(join()).toBe(1);
    roster.exit(withSessions, NOW_MS + 400, true);
    expect(join()).toBe(1);
    expect(roster.enter(true)).toBe(withSessions);
    roster.exit(withSessions, NOW_MS + 500, true);
    for (let nowMs = 600; nowMs < 1_500; nowMs += 100) expect(join()).toBe(1);
    expect(join()).toBe(0);
    expect(roster.enter(true)).not.toBe(withSessions);
  });

  test("share the bytes of the past", () => {
    const kept = (kinds: readonly boolean[]) => {
      const historyBytes = 400_000;
      const roster = new Roster({ random: (bytes) => new Uint8Array(bytes), historyBytes });
      const editions = kinds.map((withSessions) => roster.enter(withSessions));
      for (let i = 0; i < 50; i++) {
        roster.add(member(i, 20_000));
        roster.tick(NOW_MS + i, UNIX);
      }
      return editions.map(({ log }) => log.keptBytes);
    };
    for (const [kinds, least, most] of [
      [[true], 360_000, 400_000],
      [[false], 360_000, 400_000],
      [[true, false], 160_000, 200_000],
    ] as const) {
      for (const bytes of kept(kinds)) {
        expect(bytes).toBeGreaterThan(least);
        expect(bytes).toBeLessThanOrEqual(most);
      }
    }
  });

  test.each([1, 1_024, 1_025, 2_049])(
    "that have sessions tell of %d gone ones in words of 1,024",
    (count) => {
      const roster = new EditionRoster({}, true);
      const session = (i: number) => Uint8Array.of(0, 0, 0, 0, 0, 0, i >> 8, i & 255);
      const members = Array.from({ length: count + 1 }, (_, i) => {
        const ip = i === 0 ? 1 : 1 + (i & 1);
        return new RosterMember(ip, encodeClientObject({ ip, methods: [] }), session(i));
      });
      const stay = new RosterMember(2, encodeClientObject({ ip: 2, methods: [] }), session(60_000));
      for (const member of [...members, stay]) roster.add(member);
      roster.tick(NOW_MS, UNIX);
      const reader = new RosterReader(roster);
      reader.read(NOW_MS, UNIX, 0);
      expect(reader.view.size).toBe(count + 2);
      const position = roster.log.end;
      for (const member of members.slice(1)) roster.remove(member, NOW_MS);
      roster.tick(NOW_MS + 20, UNIX);
      expect(roster.log.end - position).toBe(
        8 * count + 20 * Math.ceil(count / 4_070) + 16 * Math.ceil(count / 1_024),
      );
      reader.read(NOW_MS, UNIX, 0);
      expect(reader.view.size).toBe(2);
    },
  );
});

describe("snapshot", () => {
  test("is the same for all newcomers, and has who was announced", () => {
    const roster = rosterOf([member(1, 10), member(1, 20), member(2)]);
    roster.add(member(3));
    const snapshot = roster.snapshotNow(UNIX);
    expect(roster.snapshotNow(UNIX + 1)).toBe(snapshot);
    expect(snapshot.position).toBe(roster.log.end);
    expect(snapshot.bytes).toBe(26 + 36 + 8);
  });

  test("of a crowd is forgotten when more than half of it has left", () => {
    const members = Array.from({ length: 10 }, (_, ip) => member(ip + 1, 1_000));
    const roster = rosterOf(members);
    const snapshot = roster.snapshotNow(UNIX);
    const leave = (count: number) => {
      for (const leaver of members.splice(0, count)) roster.remove(leaver, NOW_MS);
      roster.tick(NOW_MS, UNIX);
    };
    leave(5);
    expect(roster.snapshotNow(UNIX)).toBe(snapshot);
    leave(1);
    expect(roster.snapshotNow(UNIX)).not.toBe(snapshot);
    expect(roster.snapshotNow(UNIX).clients).toBe(4);
  });

  test("is renewed when it is older than half of the past", () => {
    const roster = rosterOf([member(1)], { historyMs: 10_000 });
    const snapshot = roster.snapshotNow(UNIX);
    expect(roster.snapshotNow(UNIX + 5)).toBe(snapshot);
    expect(roster.snapshotNow(UNIX + 6)).not.toBe(snapshot);
  });

  test("is renewed when it is older than a minute", () => {
    const roster = rosterOf([member(1)]);
    const snapshot = roster.snapshotNow(UNIX);
    expect(roster.snapshotNow(UNIX + 60)).toBe(snapshot);
    expect(roster.snapshotNow(UNIX + 61)).not.toBe(snapshot);
  });

  test("is renewed when the log behind it is longer than half of it and 4,096 bytes", () => {
    const grow = (bytes: number) => {
      const roster = rosterOf([member(1, 984)]);
      const snapshot = roster.snapshotNow(UNIX);
      expect(snapshot.bytes).toBe(1_000);
      roster.log.append(bytes, NOW_MS);
      return roster.snapshotNow(UNIX) === snapshot;
    };
    expect(grow(500 + 4_096)).toBe(true);
    expect(grow(500 + 4_097)).toBe(false);
  });

  test("is renewed when the log behind it is forgotten", () => {
    const roster = rosterOf([member(1)], { historyBytes: 0 });
    const snapshot = roster.snapshotNow(UNIX);
    expect(roster.snapshotNow(UNIX)).toBe(snapshot);
    roster.add(member(2));
    roster.tick(NOW_MS, UNIX);
    const renewed = roster.snapshotNow(UNIX);
    expect(renewed.position).toBe(roster.log.start);
    expect(roster.log.start).toBeGreaterThan(snapshot.position);
  });

  test("of many clients has pages of at most 32,768 bytes, and so has the log", () => {
    const members = Array.from({ length: 200 }, (_, i) => member(i, 1_000));
    const sizes: number[] = [];
    const allocate = (bytes: number) => {
      sizes.push(bytes);
      return new Uint8Array(bytes);
    };
    const roster = rosterOf(members, { allocate });
    const pages = pagesOf(roster.snapshotNow(UNIX));
    for (const member of members) roster.remove(member, NOW_MS);
    roster.tick(NOW_MS, UNIX);
    expect(Math.max(...sizes, ...pages.map((page) => page.length))).toBeLessThanOrEqual(32_768);
    expect(pages).toHaveLength(Math.ceil(200 / 32));
    expect(said(roster, 0)).toHaveLength(400);
  });
});

describe("short reply", () => {
  test("is everything since the reader's position and the end, one buffer for all who stand there", () => {
    const roster = rosterOf([member(1)]);
    const reply = roster.shortReply(0, UNIX, 1_000) as Uint8Array;
    expect(reply).toEqual(
      concatBytes([...(roster.log.read(0, 1_000) ?? []), encodeEndOfReply(BigInt(UNIX))]),
    );
    expect(roster.shortReply(0, UNIX, 1_000)).toBe(reply);
    expect(roster.shortReply(roster.log.end, UNIX, 1_000)).toEqual(encodeEndOfReply(BigInt(UNIX)));
  });

  test("is written anew when the clock or the roster went on", () => {
    const roster = rosterOf([member(1)]);
    roster.shortReply(0, UNIX, 1_000);
    expect(roster.shortReply(0, UNIX + 1, 1_000)?.subarray(-20)).toEqual(encodeEndOfReply(BigInt(UNIX + 1)));
    roster.add(member(2));
    roster.tick(NOW_MS, UNIX);
    expect(roster.shortReply(0, UNIX + 1, 1_000)).toHaveLength(20 + 8 + 20 + 8 + 20);
  });

  test("is none where it would be too long, or where its beginning is forgotten", () => {
    const roster = rosterOf([member(1)], { historyMs: 20_000 });
    expect(roster.shortReply(0, UNIX, 27)).toBeUndefined();
    expect(roster.shortReply(0, UNIX, 28)).toHaveLength(48);
    roster.tick(NOW_MS + 10_001, UNIX);
    expect(roster.shortReply(0, UNIX + 1, 28)).toBeUndefined();
  });
});
