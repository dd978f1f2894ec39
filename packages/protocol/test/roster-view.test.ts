import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { byteKey } from "../src/bytes.ts";
import type { LektError } from "../src/errors.ts";
import { type ClientObject, encodeClientObject } from "../src/packets/client-object.ts";
import { type RosterChange, RosterView } from "../src/roster-view.ts";
import { difference, MultimapRoster } from "./multimap-model.ts";

/** Few addresses and few payloads, so that shared addresses and twins are frequent. */
function client(ip: number, letter: number): ClientObject {
  return { ip, methods: letter === 0 ? [] : [{ index: 21, payload: Uint8Array.of(letter) }] };
}

const keyOf = (object: ClientObject) => byteKey(encodeClientObject(object));

type Operation = { readonly add: ClientObject } | { readonly remove: number };

const operation: fc.Arbitrary<Operation> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      add: fc.tuple(fc.integer({ min: 1, max: 3 }), fc.nat(2)).map((of) => client(...of)),
    }),
  },
  { weight: 1, arbitrary: fc.record({ remove: fc.integer({ min: 1, max: 4 }) }) },
);
const step = fc.record({
  reply: fc.array(operation, { maxLength: 7 }),
  /** How the reply ends: whole, or cut off by the end of the connection, after which a new one starts. */
  end: fc.constantFrom("whole", "whole", "whole", "cut off", "whole, then a new connection"),
  waitMs: fc.constantFrom(0, 1, 50, 99, 100),
});

const GRACE_MS = 100;

function apply(to: RosterView | MultimapRoster, operations: readonly Operation[]): void {
  for (const operation of operations) {
    if (to instanceof RosterView) {
      if ("add" in operation) to.added(operation.add);
      else to.removed(operation.remove);
    } else if ("add" in operation) to.add(operation.add.ip, keyOf(operation.add));
    else to.removeAddress(operation.remove);
  }
}

function keysOf(changes: readonly RosterChange[], type: RosterChange["type"]): string[] {
  return changes
    .filter((change) => change.type === type)
    .map((change) => change.entry.key)
    .sort();
}

function keysIn(view: RosterView, stale: boolean): string[] {
  return [...view.entries()]
    .filter((entry) => entry.stale === stale)
    .map((entry) => entry.key)
    .sort();
}

test("against a plain multimap: replies, reconnects and time", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
      const view = new RosterView({ staleGraceMs: GRACE_MS });
      let roster = new MultimapRoster();
      let stale: string[] = [];
      let staleUntilMs = Number.POSITIVE_INFINITY;
      let isFresh = true;
      let nowMs = 0;
      for (const { reply, end, waitMs } of steps) {
        const before = roster.keys();
        const entriesBefore = [...view.entries()];
        apply(view, reply);
        // Nothing takes effect before the end.
        expect([...view.entries()]).toEqual(entriesBefore);
        if (end !== "cut off") {
          const changes = view.commit(nowMs);
          const after = isFresh ? new MultimapRoster() : roster.copy();
          apply(after, reply);
          const came = difference(after.keys(), before);
          const gone = difference(before, after.keys());
          const joined = difference(came, stale);
          const back = difference(came, joined);
          expect(keysOf(changes, "joined")).toEqual(joined);
          expect(keysOf(changes, "back")).toEqual(back);
          expect(keysOf(changes, "left")).toEqual(isFresh ? [] : gone);
          expect(keysOf(changes, "stale")).toEqual(isFresh ? gone : []);
          stale = difference(stale, back);
          if (isFresh) {
            stale = [...stale, ...gone].sort();
            staleUntilMs = nowMs + GRACE_MS;
          }
          roster = after;
          isFresh = false;
          // Whoever stays keeps its entry, and who is new has none that was there before.
          const entries = [...view.entries()];
          const staying = difference(
            entriesBefore.map((e) => e.key),
            keysOf(changes, "left"),
          );
          expect(
            entries
              .filter((entry) => entriesBefore.includes(entry))
              .map((e) => e.key)
              .sort(),
          ).toEqual(staying);
          for (const { type, entry } of changes)
            expect(entriesBefore.includes(entry)).toBe(type !== "joined");
        }
        if (end !== "whole") {
          view.startOver();
          isFresh = true;
        }
        expect(keysIn(view, false)).toEqual(roster.keys());
        expect(keysIn(view, true)).toEqual(stale);
        expect(view.size).toBe(roster.keys().length);

        nowMs += waitMs;
        expect(view.nextExpiryMs).toBe(stale.length > 0 ? staleUntilMs : Number.POSITIVE_INFINITY);
        const expired = nowMs >= staleUntilMs ? stale : [];
        expect(keysOf(view.expire(nowMs), "left")).toEqual(expired);
        stale = difference(stale, expired);
      }
    }),
    { numRuns: 1_000 },
  );
});

describe("identical twins behind one address", () => {
  const twin = client(1, 1);

  function viewOf(...objects: ClientObject[]): RosterView {
    const view = new RosterView();
    for (const object of objects) view.added(object);
    view.commit(0);
    return view;
  }

  test("one of two leaves: one left, the other keeps its entry", () => {
    const view = viewOf(twin, twin);
    const before = [...view.entries()];
    view.removed(1);
    view.added(twin);
    const changes = view.commit(0);
    expect(changes).toMatchObject([{ type: "left" }]);
    expect([...view.entries(), changes[0]?.entry]).toHaveLength(2);
    expect(new Set([...view.entries(), changes[0]?.entry])).toEqual(new Set(before));
  });

  test("all are listed again: no news", () => {
    const view = viewOf(twin, twin, client(1, 2));
    const before = [...view.entries()];
    view.removed(1);
    for (const object of [client(1, 2), twin, twin]) view.added(object);
    expect(view.commit(0)).toEqual([]);
    expect(new Set(view.entries())).toEqual(new Set(before));
  });

  test("another of the same comes: one joined", () => {
    const view = viewOf(twin);
    view.added(twin);
    expect(view.commit(0)).toMatchObject([{ type: "joined" }]);
    expect(view.size).toBe(2);
  });
});

describe("maxPeers", () => {
  test("as many are taken, one more is not", () => {
    const view = new RosterView({ maxPeers: 2 });
    for (const letter of [0, 1]) view.added(client(1, letter));
    expect(view.commit(0)).toHaveLength(2);
    expect(() => view.added(client(2, 0))).toThrow(expect.objectContaining({ code: "LEKT_ROSTER_LIMIT" }));
  });

  test("those before a reconnect, or removed in the same reply, do not count", () => {
    const view = new RosterView({ maxPeers: 2 });
    for (const letter of [0, 1]) view.added(client(1, letter));
    view.commit(0);
    view.removed(1);
    for (const letter of [0, 1]) view.added(client(1, letter));
    view.commit(0);
    view.startOver();
    for (const letter of [2, 1]) view.added(client(1, letter));
    expect(
      view
        .commit(0)
        .map(({ type }) => type)
        .sort(),
    ).toEqual(["joined", "stale"]);
  });

  test("an address that is removed twice makes room once", () => {
    const view = new RosterView({ maxPeers: 2 });
    for (const letter of [0, 1]) view.added(client(1, letter));
    view.commit(0);
    for (let i = 0; i < 2; i++) view.removed(1);
    for (const letter of [0, 1]) view.added(client(1, letter));
    expect(() => view.added(client(1, 2))).toThrow(/more than 2 peers/);
  });

  test("is reached exactly when the reply so far makes the roster larger", () => {
    const replies = fc.array(fc.array(operation, { maxLength: 6 }), { maxLength: 5 });
    fc.assert(
      fc.property(replies, fc.integer({ min: 1, max: 6 }), (replies, maxPeers) => {
        const view = new RosterView({ maxPeers });
        const model = new MultimapRoster();
        for (const reply of replies) {
          for (const operation of reply) {
            apply(model, [operation]);
            const isOver = model.keys().length > maxPeers;
            let code: string | undefined;
            try {
              apply(view, [operation]);
            } catch (error) {
              code = (error as LektError).code;
            }
            expect(code).toBe(isOver ? "LEKT_ROSTER_LIMIT" : undefined);
            if (isOver) return;
          }
          view.commit(0);
        }
      }),
      { numRuns: 300 },
    );
  });

  test("is 100,000 by default", () => {
    const view = new RosterView();
    for (let ip = 1; ip <= 100_000; ip++) view.added({ ip, methods: [] });
    expect(() => view.added({ ip: 1, methods: [] })).toThrow(/100000/);
  });
});

test("who is stale has left after 30 s, by default, and not before", () => {
  const view = new RosterView();
  view.added(client(1, 0));
  view.commit(0);
  view.startOver();
  expect(view.commit(1_000)).toMatchObject([{ type: "stale", entry: { stale: true } }]);
  expect(view.nextExpiryMs).toBe(31_000);
  expect(view.expire(30_999)).toEqual([]);
  expect(view.expire(31_000)).toMatchObject([{ type: "left" }]);
  expect([...view.entries()]).toEqual([]);
});
