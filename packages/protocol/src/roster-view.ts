import { byteKey, copyBytes } from "./bytes.ts";
import { LektError } from "./errors.ts";
import { MAX_PEERS } from "./limits.ts";
import { METHOD } from "./method-list.ts";
import { type ClientObject, encodeClientObject, payloadOf } from "./packets/client-object.ts";
import { SESSION_BYTES } from "./roster-member.ts";

export interface RosterViewOptions {
  /** Most entries taken. Default 100,000. */
  readonly maxPeers?: number;
  /** How long an entry that a fresh roster lacks stays as `stale`. Default 30,000. */
  readonly staleGraceMs?: number;
}

/** One client in the roster. The same object for as long as the client is the same. */
export interface RosterEntry {
  /** What it publishes now; its session is in it where the server gives one. */
  readonly object: ClientObject;
  /** Equal for two entries exactly where their objects are equal but for the session. */
  readonly key: string;
  /** Missing from a fresh roster since a reconnect, and perhaps on its way back. */
  readonly stale: boolean;
}

export type RosterChange =
  | {
      /** `stale`: missing from a fresh roster; `back`: there again, the same; `left` also follows `stale`, after the grace. */
      readonly type: "joined" | "left" | "stale" | "back";
      readonly entry: RosterEntry;
    }
  /** The same client publishes something else; `formerKey` is what its key was. */
  | { readonly type: "updated"; readonly entry: RosterEntry; readonly formerKey: string };

interface MutableEntry {
  object: ClientObject;
  key: string;
  session: string | undefined;
  stale: boolean;
}

/** What a reply has done to one address so far. */
interface StagedAddress {
  /** Entries of before that are still there. */
  kept: MutableEntry[];
  /** Entries of before that an R or a word about gone sessions took away. */
  readonly removed: MutableEntry[];
  added: ClientObject[];
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
  /** Where each session is, for words about those that are gone (spec 5.8). */
  readonly #addressOfSession = new Map<string, number>();
  #size = 0;
  /** Stale entries by their key. All have the same grace, counted from the last fresh roster. */
  readonly #stale = new Map<string, MutableEntry[]>();
  #staleUntilMs = Number.POSITIVE_INFINITY;
  #staleSize = 0;
  readonly #staged = new Map<number, StagedAddress>();
  /** Where the sessions are that the reply added; they count from its end on. */
  readonly #stagedSessions = new Map<string, number>();
  #stagedSize = 0;
  #fromEmpty = true;
  /** What a server said this roster can be resumed with (spec 5.19); kept here because it belongs to it. */
  resumeToken: Uint8Array | undefined;

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

  /** Whether the client with this session is in the roster, stale ones not counted (spec 5.8). */
  hasSession(session: Uint8Array): boolean {
    const key = byteKey(session);
    const ip = this.#addressOfSession.get(key);
    const there = ip === undefined ? undefined : this.#byAddress.get(ip);
    return there?.some((entry) => entry.session === key) ?? false;
  }

  /** A new connection: its first reply brings the whole roster (spec 5.3). An unfinished reply is forgotten (spec 5.4). */
  startOver(): void {
    this.#staged.clear();
    this.#stagedSessions.clear();
    this.#fromEmpty = true;
    this.#stagedSize = 0;
  }

  /** The server goes on from the roster as it is (spec 5.19); only right after `startOver`. */
  resume(): void {
    this.#fromEmpty = false;
    this.#stagedSize = this.#size;
  }

  /** Whether the reply so far does anything to the roster. */
  get isTouched(): boolean {
    return this.#fromEmpty || this.#staged.size > 0;
  }

  /** An entry of an A packet. @throws LektError `LEKT_ROSTER_LIMIT` */
  added(object: ClientObject): void {
    this.#stage(object.ip).added.push(object);
    const session = sessionKey(object);
    if (session !== undefined) this.#stagedSessions.set(session, object.ip);
    this.#stagedSize++;
    if (this.#stagedSize <= this.#maxPeers) return;
    throw new LektError(
      "LEKT_ROSTER_LIMIT",
      `The network has more than ${this.#maxPeers} peers, the most this client takes.`,
    );
  }

  /** An address of an R packet: everybody there is gone. */
  removed(ip: number): void {
    if (!this.#staged.has(ip) && (this.#fromEmpty || !this.#byAddress.has(ip))) return;
    const staged = this.#stage(ip);
    this.#stagedSize -= staged.added.length + staged.kept.length;
    staged.removed.push(...staged.kept);
    this.#forgetStaged(staged.added);
    staged.kept = [];
    staged.added = [];
    this.#unstage(ip, staged);
  }

  /** A word about sessions that are gone, 8 bytes each (spec 5.8). Unknown ones are none of this client's business. */
  gone(sessions: Uint8Array): void {
    for (let at = 0; at + SESSION_BYTES <= sessions.length; at += SESSION_BYTES) {
      const session = byteKey(sessions.subarray(at, at + SESSION_BYTES));
      const ip = this.#stagedSessions.get(session) ?? this.#addressOfSession.get(session);
      if (ip === undefined || (this.#fromEmpty && !this.#staged.has(ip))) continue;
      const staged = this.#stage(ip);
      const entry = staged.kept.find((known) => known.session === session);
      if (entry) {
        staged.kept = staged.kept.filter((known) => known !== entry);
        staged.removed.push(entry);
        this.#stagedSize--;
      } else {
        const before = staged.added.length;
        staged.added = staged.added.filter((object) => sessionKey(object) !== session);
        this.#stagedSessions.delete(session);
        this.#stagedSize -= before - staged.added.length;
        this.#unstage(ip, staged);
      }
    }
  }

  /** The reply is whole: makes it the roster. @returns what changed: who left or is stale first. */
  commit(nowMs: number): readonly RosterChange[] {
    const gone: RosterChange[] = [];
    const come: RosterChange[] = [];
    if (this.#fromEmpty) {
      for (const [ip, entries] of this.#byAddress) this.#stage(ip).removed.push(...entries);
    }
    for (const [ip, staged] of this.#staged) {
      const missing = new Candidates(staged.removed);
      const entered = missing.pair(staged.added, come);
      const after = [
        ...staged.kept,
        ...entered.same,
        ...entered.others.map((object) => this.#enter(object, come)),
      ];
      this.#size += after.length - (this.#byAddress.get(ip)?.length ?? 0);
      if (after.length > 0) this.#byAddress.set(ip, after);
      else this.#byAddress.delete(ip);
      for (const entry of missing.rest()) {
        if (this.#fromEmpty) this.#makeStale(entry, gone);
        else gone.push({ type: "left", entry });
      }
    }
    if (this.#fromEmpty) this.#staleUntilMs = nowMs + this.#staleGraceMs;
    for (const [session, ip] of this.#stagedSessions) this.#addressOfSession.set(session, ip);
    this.#stagedSessions.clear();
    this.#forgetSessions();
    this.#staged.clear();
    this.#fromEmpty = false;
    this.#stagedSize = this.#size;
    return [...gone, ...come];
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
    this.#staleSize = 0;
    return changes;
  }

  #enter(object: ClientObject, changes: RosterChange[]): MutableEntry {
    const newcomer = newEntry(object);
    const same = this.#stale.get(newcomer.key);
    const entry = same?.pop();
    if (!same || !entry) {
      changes.push({ type: "joined", entry: newcomer });
      return newcomer;
    }
    if (same.length === 0) this.#stale.delete(newcomer.key);
    this.#staleSize--;
    entry.object = object;
    entry.session = newcomer.session;
    entry.stale = false;
    changes.push({ type: "back", entry });
    return entry;
  }

  /** Where there are as many stale ones as peers may be, it has left: each reconnect may bring a whole new roster. */
  #makeStale(entry: MutableEntry, changes: RosterChange[]): void {
    if (this.#staleSize >= this.#maxPeers) {
      changes.push({ type: "left", entry });
      return;
    }
    this.#staleSize++;
    entry.stale = true;
    const same = this.#stale.get(entry.key);
    if (same) same.push(entry);
    else this.#stale.set(entry.key, [entry]);
    changes.push({ type: "stale", entry });
  }

  #stage(ip: number): StagedAddress {
    let staged = this.#staged.get(ip);
    if (!staged) {
      staged = { kept: this.#fromEmpty ? [] : (this.#byAddress.get(ip) ?? []), removed: [], added: [] };
      this.#staged.set(ip, staged);
    }
    return staged;
  }

  /** Who came and went within a reply leaves nothing behind, however long the reply is. */
  #unstage(ip: number, { kept, removed, added }: StagedAddress): void {
    if (kept.length + removed.length + added.length === 0) this.#staged.delete(ip);
  }

  #forgetStaged(objects: readonly ClientObject[]): void {
    for (const object of objects) {
      const session = sessionKey(object);
      if (session !== undefined) this.#stagedSessions.delete(session);
    }
  }

  /** Drops what is known of sessions that are nowhere any more. */
  #forgetSessions(): void {
    if (this.#addressOfSession.size <= 2 * this.#size + 16) return;
    this.#addressOfSession.clear();
    for (const [ip, entries] of this.#byAddress) {
      for (const { session } of entries) if (session !== undefined) this.#addressOfSession.set(session, ip);
    }
  }
}

/** Entries that a reply took away from an address, to be found again among those that it added there. */
class Candidates {
  readonly #left: Set<MutableEntry>;

  constructor(removed: readonly MutableEntry[]) {
    this.#left = new Set(removed);
  }

  rest(): Iterable<MutableEntry> {
    return this.#left;
  }

  /**
   * Pairs the objects with the candidates: the same session, else the same content, else the same identity.
   * Whose content is another one is `updated`.
   */
  pair(
    objects: readonly ClientObject[],
    changes: RosterChange[],
  ): { same: MutableEntry[]; others: ClientObject[] } {
    if (this.#left.size === 0 || objects.length === 0) return { same: [], others: [...objects] };
    const same: MutableEntry[] = [];
    let others: readonly ClientObject[] = objects;
    for (const keyOf of [sessionKey, contentKey, identityKey]) {
      const byKey = this.#byKey(keyOf);
      others = others.filter((object) => {
        const key = keyOf(object);
        const entry = key === undefined ? undefined : byKey.get(key)?.pop();
        if (!entry) return true;
        this.#left.delete(entry);
        same.push(entry);
        const content = contentKey(object);
        const formerKey = entry.key;
        entry.object = object;
        entry.key = content;
        entry.session = sessionKey(object);
        if (formerKey !== content) changes.push({ type: "updated", entry, formerKey });
        return false;
      });
    }
    return { same, others: [...others] };
  }

  #byKey(keyOf: (object: ClientObject) => string | undefined): Map<string, MutableEntry[]> {
    const byKey = new Map<string, MutableEntry[]>();
    for (const entry of this.#left) {
      const key = keyOf(entry.object);
      if (key === undefined) continue;
      const twins = byKey.get(key);
      if (twins) twins.push(entry);
      else byKey.set(key, [entry]);
    }
    return byKey;
  }
}

function newEntry(object: ClientObject): MutableEntry {
  return { object, key: contentKey(object), session: sessionKey(object), stale: false };
}

function sessionKey(object: ClientObject): string | undefined {
  const session = payloadOf(object, METHOD.session);
  return session ? byteKey(copyBytes(session)) : undefined;
}

function identityKey(object: ClientObject): string | undefined {
  const identity = payloadOf(object, METHOD.identity);
  return identity ? byteKey(identity) : undefined;
}

/** Everything but the session, which is another one after each reconnect. */
function contentKey(object: ClientObject): string {
  const methods = object.methods.filter((method) => method.index !== METHOD.session);
  return byteKey(encodeClientObject({ ip: object.ip, methods }));
}
