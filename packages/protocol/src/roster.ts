import { concatBytes } from "./bytes.ts";
import { ipv4Bytes } from "./ip.ts";
import { SHARED_ADDRESS_GATHER_MS, TICK_MS } from "./limits.ts";
import { encodeEndOfReply, encodeUpdates } from "./packets/update.ts";
import { UpdateLog, type UpdateLogOptions } from "./update-log.ts";

export interface RosterOptions extends UpdateLogOptions {
  /** Changes are gathered for so long; the first after a quiet spell is encoded at once. */
  readonly tickMs?: number;
  /** An address that several clients share waits for so long at the most until it is listed anew (spec 5.8). */
  readonly gatherMs?: number;
}

/** A client that is in a roster. */
export class RosterMember {
  readonly ip: number;
  /** The encoded client object, with its size field. */
  readonly object: Uint8Array;
  /** Others with the same IP: a chain through the members. */
  nextAtAddress: RosterMember | undefined;
  /** Whether it stands in the log or in a snapshot. */
  announced = false;
  present = false;

  constructor(ip: number, object: Uint8Array) {
    this.ip = ip;
    this.object = object;
  }
}

/** Everybody who was there at one moment, encoded once for all newcomers. */
export interface RosterSnapshot {
  readonly pages: readonly Uint8Array[];
  readonly bytes: number;
  /** What happened from here on follows in the log. */
  readonly position: number;
  readonly unixSeconds: number;
}

/** Each client behind a shared address lets it wait so much longer: the more there is to repeat, the rarer. */
const GATHER_MS_PER_CLIENT = 10;
/** A snapshot is encoded anew when the log behind it is longer than half of it and this much. */
const SNAPSHOT_SLACK_BYTES = 4_096;
/** … or when its time stamps are older than this. */
const SNAPSHOT_MAX_AGE_SECONDS = 60;

/**
 * The roster of one network on the server: who is there, the log of encoded changes and the cached
 * snapshot. Each change is encoded once, at the tick that follows it, whatever the number of clients.
 */
export class Roster {
  readonly log: UpdateLog;
  readonly #tickMs: number;
  readonly #gatherMs: number;
  readonly #allocate: (bytes: number) => Uint8Array;
  readonly #byAddress = new Map<number, RosterMember>();
  #size = 0;
  #announcedBytes = 0;
  #arrivals: RosterMember[] = [];
  /** Addresses that somebody left, and when that is to be encoded. */
  readonly #departures = new Map<number, number>();
  #earliestDepartureMs = Number.POSITIVE_INFINITY;
  #lastTickMs = Number.NEGATIVE_INFINITY;
  #snapshot: RosterSnapshot | undefined;
  /** The last short reply, for all who stand where its reader stood. */
  #shortReply: { from: number; to: number; unixSeconds: number; bytes: Uint8Array } | undefined;

  constructor(options: RosterOptions = {}) {
    this.log = new UpdateLog(options);
    this.#tickMs = options.tickMs ?? TICK_MS;
    this.#gatherMs = options.gatherMs ?? SHARED_ADDRESS_GATHER_MS;
    this.#allocate = options.allocate ?? ((bytes) => new Uint8Array(bytes));
  }

  get size(): number {
    return this.#size;
  }

  /** When `tick` is due: at once after a quiet spell, infinitely late where nothing changed. */
  get nextTickMs(): number {
    const earliest = this.#arrivals.length > 0 ? Number.NEGATIVE_INFINITY : this.#earliestDepartureMs;
    return Math.max(earliest, this.#lastTickMs + this.#tickMs);
  }

  /** Whether a change waits that a reply at `nowMs` would have to wait for, too. */
  hasNewsAt(nowMs: number): boolean {
    return this.#arrivals.length > 0 || this.#earliestDepartureMs <= nowMs;
  }

  add(member: RosterMember): void {
    member.present = true;
    member.nextAtAddress = this.#byAddress.get(member.ip);
    this.#byAddress.set(member.ip, member);
    this.#size++;
    this.#arrivals.push(member);
  }

  remove(member: RosterMember, nowMs: number): void {
    if (!member.present) return;
    member.present = false;
    this.#unlink(member);
    this.#size--;
    // Who came and left within one tick was never there.
    if (!member.announced) return;
    this.#announcedBytes -= member.object.length;
    let others = 0;
    for (const other of this.#at(member.ip)) if (other.announced) others++;
    const dueMs = nowMs + (others === 0 ? 0 : Math.min(this.#gatherMs, others * GATHER_MS_PER_CLIENT));
    const before = this.#departures.get(member.ip) ?? Number.POSITIVE_INFINITY;
    if (dueMs >= before) return;
    this.#departures.set(member.ip, dueMs);
    this.#earliestDepartureMs = Math.min(this.#earliestDepartureMs, dueMs);
  }

  /** Encodes what changed, once for everybody; to be called when `nextTickMs` has come. */
  tick(nowMs: number, unixSeconds: number): void {
    this.#lastTickMs = nowMs;
    const removed: Uint8Array[] = [];
    const added: Uint8Array[] = [];
    this.#earliestDepartureMs = Number.POSITIVE_INFINITY;
    for (const [ip, dueMs] of this.#departures) {
      if (dueMs > nowMs) {
        this.#earliestDepartureMs = Math.min(this.#earliestDepartureMs, dueMs);
        continue;
      }
      this.#departures.delete(ip);
      removed.push(ipv4Bytes(ip));
      // An R takes all clients of the address away: list those that stay again (spec 5.8).
      for (const member of this.#at(ip)) if (member.announced) added.push(member.object);
    }
    for (const member of this.#arrivals) {
      if (!member.present) continue;
      member.announced = true;
      this.#announcedBytes += member.object.length;
      added.push(member.object);
    }
    this.#arrivals = [];
    const timestamp = BigInt(unixSeconds);
    const append = (bytes: number) => this.log.append(bytes, nowMs);
    encodeUpdates("removed", removed, timestamp, append);
    encodeUpdates("added", added, timestamp, append);
    this.log.trim(nowMs);
  }

  /** Everybody who has been announced; cached. */
  snapshot(unixSeconds: number): RosterSnapshot {
    const cached = this.#snapshot;
    if (cached && this.#isFresh(cached, unixSeconds)) return cached;
    const objects: Uint8Array[] = [];
    for (const ip of this.#byAddress.keys()) {
      for (const member of this.#at(ip)) if (member.announced) objects.push(member.object);
    }
    const pages: Uint8Array[] = [];
    encodeUpdates("added", objects, BigInt(unixSeconds), (bytes) => {
      const page = this.#allocate(bytes);
      pages.push(page);
      return page;
    });
    this.#snapshot = { pages, bytes: this.#announcedBytes, position: this.log.end, unixSeconds };
    return this.#snapshot;
  }

  /**
   * A whole reply, news and end, for a reader at `position`: one buffer, the same for all who stand there.
   * @returns undefined where the reply is better sent in parts: it is long, or its beginning is forgotten.
   */
  shortReply(position: number, unixSeconds: number, maxBytes: number): Uint8Array | undefined {
    const cached = this.#shortReply;
    const to = this.log.end;
    if (cached?.from === position && cached.to === to && cached.unixSeconds === unixSeconds)
      return cached.bytes;
    if (to - position > maxBytes) return undefined;
    const parts = this.log.read(position, maxBytes);
    if (!parts) return undefined;
    const joined = concatBytes([...parts, encodeEndOfReply(BigInt(unixSeconds))]);
    const bytes = this.#allocate(joined.length);
    bytes.set(joined);
    this.#shortReply = { from: position, to, unixSeconds, bytes };
    return bytes;
  }

  #isFresh(snapshot: RosterSnapshot, unixSeconds: number): boolean {
    return (
      this.log.end - snapshot.position <= snapshot.bytes / 2 + SNAPSHOT_SLACK_BYTES &&
      snapshot.position >= this.log.start &&
      unixSeconds - snapshot.unixSeconds <= SNAPSHOT_MAX_AGE_SECONDS
    );
  }

  *#at(ip: number): Generator<RosterMember> {
    for (let member = this.#byAddress.get(ip); member; member = member.nextAtAddress) yield member;
  }

  #unlink(member: RosterMember): void {
    const head = this.#byAddress.get(member.ip) as RosterMember;
    if (head === member) {
      if (member.nextAtAddress) this.#byAddress.set(member.ip, member.nextAtAddress);
      else this.#byAddress.delete(member.ip);
    } else {
      let before = head;
      while (before.nextAtAddress !== member) before = before.nextAtAddress as RosterMember;
      before.nextAtAddress = member.nextAtAddress;
    }
    member.nextAtAddress = undefined;
  }
}
