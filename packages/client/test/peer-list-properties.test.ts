import { encodeUtf8, METHOD, RosterView } from "@lekt/protocol";
import fc from "fast-check";
import { expect, test } from "vitest";
import { OwnEntry } from "../src/own-entry.ts";
import type { Peer } from "../src/peer.ts";
import { type PeerEvent, PeerList } from "../src/peer-list.ts";
import { named } from "./roster-objects.ts";

const ADDRESSES = ["192.0.2.1", "192.0.2.2"] as const;
const ME = "me";

const address = fc.constantFrom(...ADDRESSES);
const somebody = fc.tuple(fc.constantFrom(ME, "ann", "bob"), address).map(([name, ip]) => named(name, ip));
const people = fc.array(somebody, { maxLength: 6 });
const step = fc.oneof(
  fc.record({ type: fc.constant("connect" as const), from: fc.option(address), roster: people }),
  fc.record({ type: fc.constant("reply" as const), removed: fc.array(address), added: people }),
  fc.record({ type: fc.constant("expire" as const) }),
);

/** "name@ip" of each, with a mark for stale ones, sorted. */
const show = (peers: Iterable<Peer>) =>
  [...peers].map(({ name, ip, stale }) => `${name}@${ip}${stale ? "?" : ""}`).sort();

/** What somebody knows who only hears events. */
function hear(known: Map<string, Peer>, { type, peer }: PeerEvent): void {
  expect(known.has(peer.id)).toBe(type !== "joined");
  if (type === "left") known.delete(peer.id);
  else known.set(peer.id, peer);
}

test("events tell all of the list, and the list is the roster but for oneself", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
      const view = new RosterView({ staleGraceMs: 0 });
      const list = new PeerList();
      const known = new Map<string, Peer>();
      let own: OwnEntry | undefined;
      let connected = false;
      for (const next of steps) {
        if (next.type !== "connect" && !connected) continue;
        const changes = () => {
          switch (next.type) {
            case "connect":
              connected = true;
              own = next.from === null ? undefined : ownAt(next.from);
              view.startOver();
              for (const object of next.roster) view.added(object);
              return view.commit(0);
            case "reply":
              for (const ip of next.removed) view.removed(named("", ip).ip);
              for (const object of next.added) view.added(object);
              return view.commit(0);
            case "expire":
              return view.expire(1);
          }
        };
        for (const event of list.apply(changes(), own, next.type === "connect")) hear(known, event);

        expect(show(known.values())).toEqual(show(list.peers));
        const entries = [...view.entries()].map(
          ({ object, stale }) => ({ ...peerLike(object), stale }) as Peer,
        );
        const others = (peers: Iterable<Peer>) => show([...peers].filter(({ name }) => name !== ME));
        expect(others(list.peers)).toEqual(others(entries));
        // Of those that look like oneself at one address, at most one is; and none of them is made up.
        for (const ip of ADDRESSES) {
          const alike = (peers: Iterable<Peer>) =>
            [...peers].filter((peer) => peer.name === ME && peer.ip === ip).length;
          const hidden = alike(entries) - alike(list.peers);
          expect([0, 1]).toContain(hidden);
          if (list.self?.ip === ip) expect(hidden).toBe(1);
        }
        if (list.self) expect(entries).toContainEqual(expect.objectContaining({ name: ME, stale: false }));
      }
    }),
    { numRuns: 2_000 },
  );
});

function ownAt(toldAddress: string): OwnEntry {
  const offers = new Map([[METHOD.name, encodeUtf8(ME)]]);
  return new OwnEntry({
    offers,
    asked: [METHOD.name],
    toldAddress,
    toldSession: undefined,
    localAddress: undefined,
  });
}

function peerLike(object: ReturnType<typeof named>) {
  const name = new TextDecoder().decode(object.methods[0]?.payload);
  const ip = ADDRESSES.find((text) => named("", text).ip === object.ip);
  return { name, ip };
}
