import { encodeClientObject, parseIpv4 } from "@lekt/protocol";
import type { Peer } from "../packages/client/src/peer.ts";
import type { PeerEvent } from "../packages/client/src/peer-list.ts";
import type { RosterWitness } from "./roster-witness.ts";
import { describe } from "./roster-witness.ts";
import { Tally } from "./tally.ts";
import { Violation } from "./violation.ts";

/** Holds the events about peers against the roster: they tell exactly what changed in it, but for oneself. */
export class PeerWitness {
  readonly #peers = new Map<string, { readonly key: string; readonly stale: boolean }>();
  readonly #live = new Tally();
  readonly #stale = new Tally();
  /** What this client was ever shown as: of these one or two may be itself, now and on a connection before. */
  readonly #ownKeys = new Set<string>();
  readonly #knowsItself: boolean;

  /** @param knowsItself whether it is told its session: otherwise it may take another for itself. */
  constructor(knowsItself: boolean) {
    this.#knowsItself = knowsItself;
  }

  ownKey(key: string): void {
    this.#ownKeys.add(key);
  }

  reported(events: readonly PeerEvent[], roster: RosterWitness): void {
    const touched = new Set<string>();
    for (const event of events) this.#apply(event, touched);
    for (const key of touched) {
      const spare = !this.#knowsItself || this.#ownKeys.has(key) ? 2 : 0;
      this.#compare("peers", key, this.#live.of(key), roster.shown.of(key), spare);
      this.#compare("stale peers", key, this.#stale.of(key), roster.stale.of(key), spare);
    }
  }

  /**
   * @param own the own key where the client can know it: that one, and no other, is not reported. Where it cannot,
   * because it is not told its session, it may be wrong about itself.
   */
  settled(peers: readonly Peer[], roster: RosterWitness, own: string | undefined): void {
    if (peers.length !== this.#peers.size)
      throw new Violation("the events do not add up to the list of peers");
    for (const { id, stale } of peers) {
      if (this.#peers.get(id)?.stale !== stale) throw new Violation("a peer in the list was not reported so");
    }
    let missing = 0;
    for (const key of new Set([...roster.shown.keys(), ...this.#live.keys()])) {
      const others = roster.shown.of(key) - (key === own ? 1 : 0);
      const lacks = others - this.#live.of(key);
      if (lacks === 0) continue;
      // Who is not told who it is may take somebody like it for itself.
      if (lacks === 1 && key !== own && !this.#knowsItself) missing++;
      else
        throw new Violation(
          `in the end ${others - lacks} peers where ${others} others are: ${describe(key)}`,
        );
    }
    if (missing > 1) throw new Violation("in the end somebody is not reported");
  }

  #apply({ type, peer }: PeerEvent, touched: Set<string>): void {
    const before = this.#peers.get(peer.id);
    const key = keyOfPeer(peer);
    if ((type === "joined") !== (before === undefined))
      throw new Violation(`${type}, but it was there or not`);
    if (type === "back" && before?.stale !== true) throw new Violation("back, but it was not stale");
    if (type === "stale" && before?.stale !== false) throw new Violation("stale, but it was so before");
    if (type === "updated" && before?.key === key)
      throw new Violation(`updated to the same: ${describe(key)}`);
    if (before) {
      (before.stale ? this.#stale : this.#live).add(before.key, -1);
      this.#peers.delete(peer.id);
      touched.add(before.key);
    }
    touched.add(key);
    if (type === "left") return;
    this.#peers.set(peer.id, { key, stale: peer.stale });
    (peer.stale ? this.#stale : this.#live).add(key, 1);
  }

  #compare(what: string, key: string, told: number, there: number, spare: number): void {
    if (told <= there && told >= there - spare) return;
    throw new Violation(`${told} ${what} were reported where ${there} are in the roster: ${describe(key)}`);
  }
}

function keyOfPeer(peer: Peer): string {
  const methods = [...peer.methods].map(([index, payload]) => ({ index, payload }));
  const object = encodeClientObject({ ip: parseIpv4(peer.ip) ?? 0, methods });
  return Buffer.from(object).toString("latin1");
}
