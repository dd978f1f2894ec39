import { byteKey } from "./bytes.ts";
import { LektError } from "./errors.ts";
import { MAX_PEERS } from "./limits.ts";
import { type ClientObject, encodeClientObject } from "./packets/client-object.ts";

export interface RosterViewOptions {
  /** Most entries taken. Default 100,000. */
  readonly maxPeers?: number;
  /** How long an entry that a fresh roster lacks stays as `stale`. Default 30,000. */
  readonly staleGraceMs?: number;
}

/** One client in the roster. The same object for as long as the client is the same. */
export interface RosterEntry {
  readonly object: ClientObject;
  /** Equal for two entries exactly where their objects are equal byte for byte. */
  readonly key: string;
  /** Missing from a fresh roster since a reconnect, and perhaps on its way back. */
  readonly stale: boolean;
}

export interface RosterChange {
  /** `stale`: missing from a fresh roster; `back`: there again, the same; `left` also follows `stale`, after the grace. */
  readonly type: "joined" | "left" | "stale" | "back";
  readonly entry: RosterEntry;
}

type MutableEntry = { -readonly [K in keyof RosterEntry]: RosterEntry[K] };

/** What a reply has said of one address so far. */
interface StagedAddress {
  /** An R came: what was there before is gone. */
  cleared: boolean;
  readonly added: ClientObject[];
}

const STALE_GRACE_MS = 30_000;

/**
 * The roster as a client sees it. A reply is staged packet by packet and takes effect at its end
 * (spec 5.4); what it changed is found by comparing before and after for each address that it
 * touched (spec 5.9), so that a peer that is listed again is no news.
 */
export class RosterView {
  readonly #maxPeers: number;
  readonly #staleGraceMs: number;
  readonly #byAddress = new Map<number, MutableEntry[]>();
  #size = 0;
  /** Stale entries by their key. All have the same grace, counted from the last fresh roster. */
  readonly #stale = new Map<string, MutableEntry[]>();
  #staleUntilMs = Number.POSITIVE_INFINITY;
  readonly #staged = new Map<number, StagedAddress>();
  #stagedSize = 0;
  #fromEmpty = true;

  constructor(options: RosterViewOptions = {}) {
    this.#maxPeers = options.maxPeers ?? MAX_PEERS;
    this.#staleGraceMs = options.staleGraceMs ?? STALE_GRACE_MS;
  }

  /** Entries that are in the roster now, stale ones not counted. */
  get size(): number {
    return this.#size;
  }

  /** Everybody in the roster, then everybody who is stale. */
  *entries(): Generator<RosterEntry> {
    for (const entries of this.#byAddress.values()) yield* entries;
    for (const entries of this.#stale.values()) yield* entries;
  }

  /** A new connection: its first reply brings the whole roster (spec 5.3). An unfinished reply is forgotten (spec 5.4). */
  startOver(): void {
    this.#staged.clear();
    this.#fromEmpty = true;
    this.#stagedSize = 0;
  }

  /** An entry of an A packet. @throws LektError `LEKT_ROSTER_LIMIT` */
  added(object: ClientObject): void {
    this.#stage(object.ip).added.push(object);
    this.#stagedSize++;
    if (this.#stagedSize <= this.#maxPeers) return;
    throw new LektError(
      "LEKT_ROSTER_LIMIT",
      `The network has more than ${this.#maxPeers} peers, the most this client takes.`,
    );
  }

  /** An address of an R packet. */
  removed(ip: number): void {
    const known = this.#staged.has(ip) || (!this.#fromEmpty && this.#byAddress.has(ip));
    if (!known) return;
    const staged = this.#stage(ip);
    this.#stagedSize -= staged.added.length;
    if (!staged.cleared && !this.#fromEmpty) this.#stagedSize -= this.#byAddress.get(ip)?.length ?? 0;
    staged.cleared = true;
    staged.added.length = 0;
  }

  /** The reply is whole: makes it the roster. @returns what changed, joined ones before others of the same address. */
  commit(nowMs: number): readonly RosterChange[] {
    const changes: RosterChange[] = [];
    if (this.#fromEmpty) {
      for (const ip of this.#byAddress.keys()) this.#stage(ip).cleared = true;
    }
    for (const [ip, staged] of this.#staged) {
      const before = this.#byAddress.get(ip) ?? [];
      const { after, missing } = this.#merge(staged, before, changes);
      for (const entry of missing) {
        if (this.#fromEmpty) this.#makeStale(entry, changes);
        else changes.push({ type: "left", entry });
      }
      if (after.length > 0) this.#byAddress.set(ip, after);
      else this.#byAddress.delete(ip);
      this.#size += after.length - before.length;
    }
    if (this.#fromEmpty) this.#staleUntilMs = nowMs + this.#staleGraceMs;
    this.#staged.clear();
    this.#fromEmpty = false;
    this.#stagedSize = this.#size;
    return changes;
  }

  /** When `expire` is due. */
  get nextExpiryMs(): number {
    return this.#stale.size > 0 ? this.#staleUntilMs : Number.POSITIVE_INFINITY;
  }

  /** Those whose grace is over have left. Only to be called while connected: else nobody can know. */
  expire(nowMs: number): readonly RosterChange[] {
    if (nowMs < this.nextExpiryMs) return [];
    const changes: RosterChange[] = [];
    for (const entries of this.#stale.values()) {
      for (const entry of entries) changes.push({ type: "left", entry });
    }
    this.#stale.clear();
    return changes;
  }

  /** Pairs what is there after the reply with what was before, as multisets of equal objects. */
  #merge(staged: StagedAddress, before: MutableEntry[], changes: RosterChange[]) {
    const kept = staged.cleared ? [] : before;
    const candidates = new Map<string, MutableEntry[]>();
    if (staged.cleared) {
      for (const entry of before) {
        const twins = candidates.get(entry.key);
        if (twins) twins.push(entry);
        else candidates.set(entry.key, [entry]);
      }
    }
    const after = [...kept];
    for (const object of staged.added) {
      const key = objectKey(object);
      const same = candidates.get(key)?.pop();
      after.push(same ?? this.#enter(object, key, changes));
    }
    const missing = [...candidates.values()].flat();
    return { after, missing };
  }

  #enter(object: ClientObject, key: string, changes: RosterChange[]): MutableEntry {
    const same = this.#stale.get(key);
    const entry = same?.pop();
    if (!same || !entry) {
      const newcomer: MutableEntry = { object, key, stale: false };
      changes.push({ type: "joined", entry: newcomer });
      return newcomer;
    }
    if (same.length === 0) this.#stale.delete(key);
    entry.stale = false;
    changes.push({ type: "back", entry });
    return entry;
  }

  #makeStale(entry: MutableEntry, changes: RosterChange[]): void {
    entry.stale = true;
    const same = this.#stale.get(entry.key);
    if (same) same.push(entry);
    else this.#stale.set(entry.key, [entry]);
    changes.push({ type: "stale", entry });
  }

  #stage(ip: number): StagedAddress {
    let staged = this.#staged.get(ip);
    if (!staged) {
      staged = { cleared: false, added: [] };
      this.#staged.set(ip, staged);
    }
    return staged;
  }
}

function objectKey(object: ClientObject): string {
  return byteKey(encodeClientObject(object));
}
