import fc from "fast-check";
import { expect, test } from "vitest";
import { byteKey } from "../src/bytes.ts";
import { encodeClientObject } from "../src/packets/client-object.ts";
import type { RosterOptions } from "../src/roster.ts";
import { RosterMember } from "../src/roster-member.ts";
import { EditionRoster } from "./edition-roster.ts";
import { RosterReader } from "./roster-reader.ts";

/** Few addresses and few payloads: shared addresses and twins are frequent. */
const step = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ join: fc.record({ ip: fc.integer({ min: 1, max: 4 }), letter: fc.nat(2) }) }),
  },
  { weight: 4, arbitrary: fc.record({ leave: fc.nat() }) },
  { weight: 2, arbitrary: fc.record({ change: fc.nat(), letter: fc.nat(2) }) },
  { weight: 4, arbitrary: fc.record({ waitMs: fc.constantFrom(1, 5, 20, 60, 2_000, 61_000) }) },
  { weight: 4, arbitrary: fc.record({ read: fc.nat(), shortBytes: fc.constantFrom(0, 100, 1e6) }) },
  { weight: 1, arbitrary: fc.constant({ newReader: true as const }) },
  { weight: 2, arbitrary: fc.constant({ callTick: true as const }) },
);

function objectOf(ip: number, letter: number): Uint8Array {
  return encodeClientObject({ ip, methods: [{ index: 21, payload: new Uint8Array(letter) }] });
}

function simulate(
  steps: readonly (typeof step extends fc.Arbitrary<infer Step> ? Step : never)[],
  options: Partial<RosterOptions>,
  withSessions: boolean,
  /** So many changes of a kind in one call of `tick`. */
  most: number,
) {
  const roster = new EditionRoster({ tickMs: 20, gatherMs: 50, ...options }, withSessions);
  const members: RosterMember[] = [];
  const readers = [new RosterReader(roster)];
  let nowMs = 1_000_000;
  let forgotten = 0;
  let nextSession = 1;
  const unixSeconds = () => Math.floor(nowMs / 1_000);
  const truth = () => members.map((member) => byteKey(member.encoded(false))).sort();

  const read = (reader: RosterReader, shortBytes: number) => {
    // As a server: what a reply would have to wait for is encoded first.
    while (roster.isHalfway || (roster.hasNews(nowMs) && roster.nextTickMs <= nowMs)) tick();
    if (reader.read(nowMs, unixSeconds(), shortBytes) === undefined) {
      forgotten++;
      reader.startOver();
      expect(reader.read(nowMs, unixSeconds(), shortBytes)).toBeDefined();
      reader.view.expire(Number.POSITIVE_INFINITY);
    }
    expect(reader.position).toBe(roster.log.end);
    if (roster.nextTickMs === Number.POSITIVE_INFINITY) expect(reader.keys).toEqual(truth());
  };
  const tick = () => roster.tick(nowMs, unixSeconds(), most);
  const advance = (byMs: number) => {
    const untilMs = nowMs + byMs;
    while (roster.nextTickMs <= untilMs) {
      nowMs = Math.max(nowMs, roster.nextTickMs);
      tick();
    }
    nowMs = untilMs;
  };

  for (const step of steps) {
    if ("join" in step) {
      const { ip, letter } = step.join;
      const session = new Uint8Array(8);
      new DataView(session.buffer).setUint32(4, nextSession++);
      members.push(new RosterMember(ip, objectOf(ip, letter), session));
      roster.add(members.at(-1) as RosterMember);
    } else if ("leave" in step) {
      if (members.length === 0) continue;
      const [member] = members.splice(step.leave % members.length, 1) as [RosterMember];
      roster.remove(member, nowMs);
    } else if ("change" in step) {
      if (members.length === 0) continue;
      const member = members[step.change % members.length] as RosterMember;
      roster.change(member, objectOf(member.ip, step.letter), nowMs);
    } else if ("waitMs" in step) advance(step.waitMs);
    else if ("read" in step) read(readers[step.read % readers.length] as RosterReader, step.shortBytes);
    else if ("callTick" in step) {
      if (roster.nextTickMs <= nowMs) tick();
    } else readers.push(new RosterReader(roster));
    expect(roster.size).toBe(members.length);
  }
  advance(10_000);
  expect(roster.nextTickMs).toBe(Number.POSITIVE_INFINITY);
  for (const reader of readers) read(reader, 1e6);
  return { forgotten };
}

const steps = fc.array(step, { maxLength: 60 });
const most = fc.constantFrom(1, 2, Number.POSITIVE_INFINITY);

test.each([{ withSessions: false }, { withSessions: true }])(
  "every reader's roster is the true one whenever nothing waits to be encoded: $withSessions",
  ({ withSessions }) => {
    fc.assert(
      fc.property(steps, most, (steps, most) => {
        expect(simulate(steps, {}, withSessions, most).forgotten).toBe(0);
      }),
      { numRuns: 500 },
    );
  },
);

test("with a short past too: who fell behind it starts over", () => {
  let forgotten = 0;
  fc.assert(
    fc.property(
      steps,
      fc.constantFrom({ historyBytes: 0 }, { historyBytes: 1_536 }, { historyMs: 50 }),
      fc.boolean(),
      most,
      (steps, options, withSessions, most) => {
        forgotten += simulate(steps, options, withSessions, most).forgotten;
      },
    ),
    { numRuns: 300 },
  );
  expect(forgotten).toBeGreaterThan(0);
});
