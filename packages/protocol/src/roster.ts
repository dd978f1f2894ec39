import { AnnouncedMembers } from "./announced-members.ts";
import { Edition, type EditionOptions } from "./edition.ts";
import { ipv4Bytes } from "./ip.ts";
import {
  HISTORY_BYTES,
  HISTORY_MS,
  PACKET_TARGET_BYTES,
  SHARED_ADDRESS_GATHER_MS,
  TICK_MS,
} from "./limits.ts";
import type { RosterMember } from "./roster-member.ts";
import type { RosterSnapshot } from "./roster-snapshot.ts";

export interface RosterOptions extends EditionOptions {
  /** Changes are gathered for so long; the first after a quiet spell is encoded at once. */
  readonly tickMs?: number;
  /** An address that several clients share waits for so long at the most until it is listed anew (spec 5.8). */
  readonly gatherMs?: number;
}

/** Each client behind a shared address lets it wait so much longer: the more there is to repeat, the rarer. */
const GATHER_MS_PER_CLIENT = 10;

/**
 * The roster of one network on the server: who is there, and its editions for readers with sessions and without.
 * Each change is encoded once for each edition that has readers, at the tick that follows it, whatever the number
 * of clients.
 */
export class Roster {
  readonly #options: RosterOptions;
  readonly #tickMs: number;
  readonly #gatherMs: number;
  /** A shared address with more clients waits no longer, so nobody counts further. */
  readonly #mostCounted: number;
  readonly #byAddress = new Map<number, RosterMember>();
  readonly #announced = new AnnouncedMembers();
  #size = 0;
  #lastTickMs = Number.NEGATIVE_INFINITY;
  /** Of the changes that were there when the tick began, so many of one kind are still to be encoded at the most. */
  #leftOfTick = 0;
  #plain: Edition | undefined;
  #sessions: Edition | undefined;

  /** Since the last tick. */
  #arrivals: RosterMember[] = [];
  /** Members whose object was replaced since the last tick. */
  readonly #changed = new Set<RosterMember>();
  /** Announced members that left, for the edition with sessions. */
  #departed: RosterMember[] = [];
  /** Addresses to be listed anew in the edition without sessions, and when. */
  readonly #relisted = new Map<number, number>();
  #earliestRelistMs = Number.POSITIVE_INFINITY;

  constructor(options: RosterOptions) {
    this.#options = options;
    this.#tickMs = options.tickMs ?? TICK_MS;
    this.#gatherMs = options.gatherMs ?? SHARED_ADDRESS_GATHER_MS;
    this.#mostCounted = Math.ceil(this.#gatherMs / GATHER_MS_PER_CLIENT) + 1;
  }

  get size(): number {
    return this.#size;
  }

  /** Whether `tick` is to be called again, at once, before anybody is answered. */
  get isHalfway(): boolean {
    return this.#leftOfTick > 0;
  }

  /** When `tick` is due: at once after a quiet spell, infinitely late where nothing changed. */
  get nextTickMs(): number {
    if (this.isHalfway) return Number.NEGATIVE_INFINITY;
    const waits = this.#isChanged() || (this.#sessions && this.#departed.length > 0);
    const earliest = waits ? Number.NEGATIVE_INFINITY : this.#earliestRelistMs;
    return Math.max(earliest, this.#lastTickMs + this.#tickMs);
  }

  /** Whether a change waits that a reply at `nowMs` would have to wait for, too. */
  hasNewsAt(nowMs: number, withSessions: boolean): boolean {
    if (this.#isChanged()) return true;
    return withSessions ? this.#departed.length > 0 : this.#earliestRelistMs <= nowMs;
  }

  /** The edition for a new reader; made where it is the first of its kind. */
  enter(withSessions: boolean): Edition {
    const existing = withSessions ? this.#sessions : this.#plain;
    const edition = existing ?? new Edition(withSessions, this.#options);
    if (withSessions) this.#sessions = edition;
    else this.#plain = edition;
    edition.readers++;
    return edition;
  }

  /**
   * A reader is gone. An edition that has none, and awaits none, is not encoded any more.
   * @param mayReturn it has a token to resume with.
   */
  exit(edition: Edition, nowMs: number, mayReturn: boolean): void {
    edition.readers--;
    if (mayReturn) edition.awaitedUntilMs = nowMs + (this.#options.historyMs ?? HISTORY_MS);
    this.#dropUnread(nowMs);
  }

  /** Nobody is there any more: its past is forgotten. */
  close(): void {
    this.#plain = closed(this.#plain);
    this.#sessions = closed(this.#sessions);
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
    this.#changed.delete(member);
    // Who came and left within one tick was never there.
    if (!member.announced) return;
    this.#announced.remove(member);
    if (this.#sessions) this.#departed.push(member);
    if (this.#plain) this.#relist(member.ip, this.#announcedAt(member.ip, this.#mostCounted), nowMs);
  }

  /** Replaces what a member published (spec 4.10). */
  change(member: RosterMember, object: Uint8Array, nowMs: number): void {
    if (!member.present) return;
    // Who is not announced yet will be with the new object.
    if (member.announced) this.#announced.replaceObject(member, object);
    member.replaceObject(object);
    if (!member.announced) return;
    if (this.#sessions) this.#changed.add(member);
    if (this.#plain) this.#relist(member.ip, this.#announcedAt(member.ip, this.#mostCounted) - 1, nowMs);
  }

  /**
   * Encodes what changed, once for everybody; to be called when `nextTickMs` has come.
   * @param most so many changes of each kind; what is more is left for the next call. What changes until then is
   * for the next tick: or a busy network would never get to the end of one.
   * @returns how many it encoded.
   */
  tick(nowMs: number, unixSeconds: number, most = Number.POSITIVE_INFINITY): number {
    this.#lastTickMs = nowMs;
    this.#dropUnread(nowMs);
    if (!this.isHalfway) {
      const { length } = this.#arrivals;
      this.#leftOfTick = Math.max(length, this.#departed.length, this.#changed.size, this.#relisted.size);
    }
    const arrivals = this.#arrivals.splice(0, most).filter((member) => member.present);
    const departed = this.#departed.splice(0, most);
    const changed = this.#takeChanged(most);
    const relisted = this.#takeRelisted(nowMs, most);
    this.#appendPlain(relisted, arrivals, nowMs, unixSeconds);
    this.#appendWithSessions(departed, changed, arrivals, nowMs, unixSeconds);
    for (const member of arrivals) {
      member.announced = true;
      this.#announced.add(member);
    }
    const isLeft = this.hasNewsAt(nowMs, true) || this.hasNewsAt(nowMs, false);
    this.#leftOfTick = isLeft ? this.#leftOfTick - most : 0;
    this.#trim(nowMs);
    this.#plain?.dropSnapshotOfACrowd(this.#size);
    this.#sessions?.dropSnapshotOfACrowd(this.#size);
    return arrivals.length + departed.length + changed.length + relisted.length;
  }

  /** Everybody who has been announced, for newcomers among an edition's readers. */
  snapshot(edition: Edition, unixSeconds: number): RosterSnapshot {
    return edition.snapshot(() => this.#announced.copy(), unixSeconds);
  }

  #appendPlain(relisted: number[], arrivals: RosterMember[], nowMs: number, unixSeconds: number): void {
    if (!this.#plain || relisted.length + arrivals.length === 0) return;
    const added: Uint8Array[] = [];
    // An R takes all clients of the address away: list those that stay again (spec 5.8).
    for (const ip of relisted) {
      for (let member = this.#byAddress.get(ip); member; member = member.nextAtAddress)
        if (member.announced) added.push(member.encoded(false));
    }
    for (const member of arrivals) added.push(member.encoded(false));
    this.#plain.append({ removed: relisted.map(ipv4Bytes), gone: [], added }, nowMs, unixSeconds);
  }

  #appendWithSessions(
    departed: readonly RosterMember[],
    changed: readonly RosterMember[],
    arrivals: readonly RosterMember[],
    nowMs: number,
    unixSeconds: number,
  ): void {
    if (!this.#sessions || arrivals.length + departed.length + changed.length === 0) return;
    const gone: Uint8Array[] = [];
    const removed = new Set<number>();
    const disappear = (member: RosterMember, othersStay: boolean) => {
      if (othersStay) gone.push(member.session);
      else removed.add(member.ip);
    };
    for (const member of departed) disappear(member, this.#announcedAt(member.ip, 1) > 0);
    for (const member of changed) disappear(member, this.#announcedAt(member.ip, 2) > 1);
    const added = [...changed, ...arrivals].map((member) => member.encoded(true));
    this.#sessions.append({ removed: [...removed].map(ipv4Bytes), gone, added }, nowMs, unixSeconds);
  }

  #dropUnread(nowMs: number): void {
    const isOver = (edition: Edition | undefined) =>
      edition !== undefined && edition.readers === 0 && edition.awaitedUntilMs <= nowMs;
    if (isOver(this.#plain)) this.#plain = closed(this.#plain);
    if (isOver(this.#sessions)) this.#sessions = closed(this.#sessions);
  }

  /** Two editions share the bytes of the past; each has a packet at least, or its readers would fall behind at once. */
  #trim(nowMs: number): void {
    const historyBytes = this.#options.historyBytes ?? HISTORY_BYTES;
    const both = this.#plain !== undefined && this.#sessions !== undefined;
    const maxBytes = both ? Math.max(historyBytes / 2, PACKET_TARGET_BYTES) : historyBytes;
    this.#plain?.log.trim(nowMs, maxBytes);
    this.#sessions?.log.trim(nowMs, maxBytes);
  }

  #isChanged(): boolean {
    return this.#arrivals.length > 0 || this.#changed.size > 0;
  }

  #relist(ip: number, others: number, nowMs: number): void {
    const dueMs = nowMs + Math.min(this.#gatherMs, others * GATHER_MS_PER_CLIENT);
    const before = this.#relisted.get(ip) ?? Number.POSITIVE_INFINITY;
    if (dueMs >= before) return;
    this.#relisted.set(ip, dueMs);
    this.#earliestRelistMs = Math.min(this.#earliestRelistMs, dueMs);
  }

  #takeChanged(most: number): RosterMember[] {
    const taken: RosterMember[] = [];
    for (const member of this.#changed) {
      if (taken.length >= most) break;
      this.#changed.delete(member);
      taken.push(member);
    }
    return taken;
  }

  #takeRelisted(nowMs: number, most: number): number[] {
    const due: number[] = [];
    if (this.#earliestRelistMs > nowMs) return due;
    this.#earliestRelistMs = Number.POSITIVE_INFINITY;
    for (const [ip, dueMs] of this.#relisted) {
      if (dueMs <= nowMs && due.length < most) {
        this.#relisted.delete(ip);
        due.push(ip);
      } else this.#earliestRelistMs = Math.min(this.#earliestRelistMs, dueMs);
    }
    return due;
  }

  /** Counts no further than `most`: of a crowd behind one address, each would cost as much as all of them. */
  #announcedAt(ip: number, most: number): number {
    let count = 0;
    for (let member = this.#byAddress.get(ip); member && count < most; member = member.nextAtAddress)
      if (member.announced) count++;
    return count;
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

/** Its memory counts for no budget any more. */
function closed(edition: Edition | undefined): undefined {
  edition?.log.close();
  return undefined;
}
