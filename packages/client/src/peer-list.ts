import type { ClientObject, RosterChange, RosterEntry } from "@lekt/protocol";
import type { OwnEntry } from "./own-entry.ts";
import { type Peer, peerOf } from "./peer.ts";

/** What happened to one peer. */
export interface PeerEvent {
  readonly type: "joined" | "left" | "updated" | "stale" | "back";
  readonly peer: Peer;
}

/** How often one object is in the roster, and the peers that stand for it. */
interface Tally {
  readonly object: ClientObject;
  live: number;
  stale: number;
  /** Fewer than `live + stale` where one of them is the client itself. */
  readonly peers: Peer[];
}

/**
 * Everybody but oneself. It counts equal entries and does not tell them apart, so that of identical
 * twins exactly one is the client itself, whichever of them the roster names (spec 5.9.2).
 */
export class PeerList {
  readonly #tallies = new Map<string, Tally>();
  readonly #byId = new Map<string, Peer>();
  #cached: readonly Peer[] | undefined;
  #nextId = 1;
  #ownKey: string | undefined;
  #self: Peer | undefined;
  #ownSession: string | undefined;
  /** Own entries of earlier connections that are still about: they are nobody else. The sessions of these, where known. */
  readonly #formerKeys = new Map<string, string | undefined>();

  /** In the order in which they came; the same array until something changes. */
  get peers(): readonly Peer[] {
    this.#cached ??= Object.freeze([...this.#byId.values()]);
    return this.#cached;
  }

  get self(): Peer | undefined {
    return this.#self;
  }

  /**
   * @param own finds the own entry; undefined for a watcher, who has none.
   * @param first whether these changes come with the first roster of a connection.
   */
  apply(changes: readonly RosterChange[], own: OwnEntry | undefined, first: boolean): readonly PeerEvent[] {
    const touched = new Set<string>();
    const arrived = new Set<string>();
    const events: PeerEvent[] = [];
    for (const change of changes) {
      const { type, entry } = change;
      touched.add(entry.key);
      if (type === "updated") {
        touched.add(change.formerKey);
        this.#update(change.formerKey, entry, own, events);
        continue;
      }
      if (type === "joined" || type === "back") arrived.add(entry.key);
      this.#count(type, entry);
    }
    this.#findSelf(own, first, arrived, touched);
    this.#forgetFormer(own, touched);
    for (const key of touched) this.#reconcile(key, events);
    if (events.length > 0) this.#cached = undefined;
    return events;
  }

  /** The same client under another key: its peer moves there, and keeps its id. */
  #update(formerKey: string, entry: RosterEntry, own: OwnEntry | undefined, events: PeerEvent[]): void {
    const former = this.#tally(formerKey, entry.object);
    const tally = this.#tally(entry.key, entry.object);
    former.live--;
    tally.live++;
    if (formerKey === this.#ownKey && own?.has(entry.object)) {
      this.#ownKey = entry.key;
      this.#self = peerOf((this.#self as Peer).id, entry.object, false);
      return;
    }
    const at = former.peers.findLastIndex((peer) => !peer.stale);
    if (at < 0) return;
    const [before] = former.peers.splice(at, 1);
    const peer = peerOf((before as Peer).id, entry.object, false);
    tally.peers.push(peer);
    this.#byId.set(peer.id, peer);
    events.push({ type: "updated", peer });
  }

  #tally(key: string, object: ClientObject): Tally {
    let tally = this.#tallies.get(key);
    if (!tally) {
      tally = { object, live: 0, stale: 0, peers: [] };
      this.#tallies.set(key, tally);
    }
    return tally;
  }

  #count(type: Exclude<RosterChange["type"], "updated">, { key, object, stale }: RosterEntry): void {
    const tally = this.#tally(key, object);
    switch (type) {
      case "joined":
        tally.live++;
        break;
      case "stale":
        tally.live--;
        tally.stale++;
        break;
      case "back":
        tally.stale--;
        tally.live++;
        this.#formerKeys.delete(key);
        break;
      case "left":
        if (stale) tally.stale--;
        else tally.live--;
        this.#formerKeys.delete(key);
        break;
    }
  }

  /** A first roster shows the own entry; later it is looked for only where it was not there before. */
  #findSelf(own: OwnEntry | undefined, first: boolean, arrived: Set<string>, touched: Set<string>): void {
    const before = this.#ownKey;
    const isThere = before !== undefined && (this.#tallies.get(before)?.live ?? 0) > 0;
    if (!first && (isThere || arrived.size === 0)) {
      if (!isThere) this.#setSelf(undefined);
      return;
    }
    const found = own?.find(this.#liveObjects(), before);
    const after = found !== undefined && (first || arrived.has(found)) ? found : undefined;
    if (after !== before) {
      if (first && before !== undefined && this.#isAbout(before)) {
        this.#formerKeys.set(before, this.#ownSession);
      }
      for (const key of [before, after]) if (key !== undefined) touched.add(key);
    }
    if (after !== undefined) this.#formerKeys.delete(after);
    if (first) this.#ownSession = own?.session;
    this.#setSelf(after);
  }

  /** Who is like an earlier connection that is gone is somebody else. */
  #forgetFormer(own: OwnEntry | undefined, touched: Set<string>): void {
    for (const [key, session] of this.#formerKeys) {
      const isStale = (this.#tallies.get(key)?.stale ?? 0) > 0;
      if (isStale || !own?.isGone(session)) continue;
      this.#formerKeys.delete(key);
      touched.add(key);
    }
  }

  #setSelf(key: string | undefined): void {
    if (key === this.#ownKey) return;
    this.#ownKey = key;
    const tally = key === undefined ? undefined : this.#tallies.get(key);
    this.#self = tally && peerOf(this.#newId(), tally.object, false);
  }

  #isAbout(key: string): boolean {
    const tally = this.#tallies.get(key);
    return tally !== undefined && tally.live + tally.stale > 0;
  }

  *#liveObjects(): Generator<readonly [string, ClientObject]> {
    for (const [key, { object, live }] of this.#tallies) if (live > 0) yield [key, object];
  }

  /** Makes the peers of one object as many, and as stale, as they should be now. */
  #reconcile(key: string, events: PeerEvent[]): void {
    const tally = this.#tallies.get(key);
    if (!tally) return;
    let { live, stale } = tally;
    if (key === this.#ownKey) live--;
    if (this.#formerKeys.has(key)) {
      if (stale > 0) stale--;
      else live--;
    }
    const isStale = tally.peers.filter((peer) => peer.stale).length;
    let extraStale = isStale - stale;
    let extraLive = tally.peers.length - isStale - Math.max(0, live);
    for (; extraStale > 0 && extraLive < 0; extraStale--, extraLive++) this.#change(tally, true, events);
    for (; extraLive > 0 && extraStale < 0; extraLive--, extraStale++) this.#change(tally, false, events);
    for (; extraStale > 0; extraStale--) this.#remove(tally, true, events);
    for (; extraLive > 0; extraLive--) this.#remove(tally, false, events);
    for (; extraLive < 0; extraLive++) this.#add(tally, false, events);
    for (; extraStale < 0; extraStale++) this.#add(tally, true, events);
    if (tally.live + tally.stale === 0) this.#tallies.delete(key);
  }

  #change({ peers }: Tally, wasStale: boolean, events: PeerEvent[]): void {
    const at = peers.findIndex((peer) => peer.stale === wasStale);
    const peer = Object.freeze({ ...(peers[at] as Peer), stale: !wasStale });
    peers[at] = peer;
    this.#byId.set(peer.id, peer);
    events.push({ type: wasStale ? "back" : "stale", peer });
  }

  /** The youngest of equal ones. */
  #remove({ peers }: Tally, isStale: boolean, events: PeerEvent[]): void {
    const [peer] = peers.splice(
      peers.findLastIndex((candidate) => candidate.stale === isStale),
      1,
    );
    this.#byId.delete((peer as Peer).id);
    events.push({ type: "left", peer: peer as Peer });
  }

  #add(tally: Tally, isStale: boolean, events: PeerEvent[]): void {
    const peer = peerOf(this.#newId(), tally.object, isStale);
    tally.peers.push(peer);
    this.#byId.set(peer.id, peer);
    events.push({ type: "joined", peer });
  }

  #newId(): string {
    return String(this.#nextId++);
  }
}
