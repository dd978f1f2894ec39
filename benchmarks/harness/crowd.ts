import { clockUs } from "./forty-bytes.ts";
import { Member } from "./member.ts";
import { MemberSet } from "./member-set.ts";
import type { Connection, Rival, ServerAddress } from "./rival.ts";

/** So many connections of one process are being made at the same time. */
const JOINING_AT_ONCE = 256;
/** Latencies kept of a churn. */
const MAX_LATENCIES = 200_000;

/** Who of all the members are a process's own. */
export interface Share {
  readonly index: number;
  readonly of: number;
}

export interface Churn {
  /** The first newcomer's number; the others follow. */
  readonly first: number;
  /** Who leaves, one for each newcomer. */
  readonly leavers: readonly number[];
  readonly perSecond: number;
}

export interface CrowdState {
  readonly joined: number;
  /** How many know just who is there. */
  readonly complete: number;
  /** Entries that were new to members, and entries that they dropped, of all of them together. */
  readonly learned: number;
  readonly forgotten: number;
}

/** The members that one process plays. Knows who is there in all, and so whether each of its own knows it. */
export class Crowd {
  listening = false;
  /** The first thing that went wrong. */
  fault: string | undefined;
  readonly #rival: Rival;
  readonly #server: ServerAddress;
  readonly #share: Share;
  readonly #expected = new MemberSet();
  readonly #members = new Map<number, { readonly member: Member; readonly connection: Connection }>();
  readonly #joining = new Map<number, Member>();
  readonly #complete = new Set<Member>();
  readonly #ofGone = { learned: 0, forgotten: 0 };
  #latenciesUs: number[] = [];
  #heard = 0;
  #changed: () => void = () => {};

  constructor(rival: Rival, server: ServerAddress, share: Share) {
    this.#rival = rival;
    this.#server = server;
    this.#share = share;
  }

  get state(): CrowdState {
    let { learned, forgotten } = this.#ofGone;
    for (const { member } of this.#members.values()) {
      learned += member.learned;
      forgotten += member.forgotten;
    }
    return { joined: this.#members.size, complete: this.#complete.size, learned, forgotten };
  }

  /** The members from `first` on come, as fast as the server takes them. Resolves when all published. */
  async join(first: number, count: number): Promise<void> {
    const own: number[] = [];
    for (let number = first; number < first + count; number++) {
      this.#expected.add(number);
      if (this.#isOwn(number)) own.push(number);
    }
    const next = own.values();
    const joinOneByOne = async () => {
      for (const number of next) await this.#join(number);
    };
    await Promise.all(Array.from({ length: JOINING_AT_ONCE }, joinOneByOne));
  }

  leave(numbers: readonly number[]): void {
    for (const number of numbers) this.#leave(number);
    this.#judgeAll();
  }

  /** At an even pace one comes and one leaves. @returns how long the others took to know, in microseconds. */
  async churn({ first, leavers, perSecond }: Churn): Promise<readonly number[]> {
    this.listening = true;
    const startMs = performance.now();
    const joins: Promise<void>[] = [];
    for (const [i, leaver] of leavers.entries()) {
      const waitMs = startMs + (i * 1_000) / perSecond - performance.now();
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, waitMs)));
      joins.push(this.join(first + i, 1));
      this.#leave(leaver);
    }
    await Promise.all(joins);
    this.#judgeAll();
    await this.converged();
    return this.#latenciesUs;
  }

  /** Resolves when each member knows just who is there, or something went wrong. @returns the moment. */
  async converged(): Promise<number> {
    while (this.fault === undefined && (this.#joining.size > 0 || this.#complete.size < this.#members.size)) {
      await new Promise<void>((resolve) => {
        this.#changed = resolve;
      });
    }
    return clockUs();
  }

  /** What is still missing, as a sentence. */
  shortfall(): string {
    for (const { member } of this.#members.values()) {
      if (this.#complete.has(member)) continue;
      const lacking = member.known.lacks(this.#expected, 3);
      const wrong = this.#expected.lacks(member.known, 3);
      const parts = [`member ${member.number} knows ${member.known.size} of ${this.#expected.size}`];
      if (lacking.length > 0) parts.push(`not ${lacking.join(", ")}`);
      if (wrong.length > 0) parts.push(`and ${wrong.join(", ")}, who left`);
      return parts.join(", ");
    }
    return "some are still joining";
  }

  #isOwn(number: number): boolean {
    return number % this.#share.of === this.#share.index;
  }

  async #join(number: number): Promise<void> {
    const member = new Member(number, this, this.#rival.repeats ?? false);
    this.#joining.set(number, member);
    try {
      const connection = await this.#rival.connect(this.#server, member);
      this.#members.set(number, { member, connection });
    } catch (error) {
      this.failed(member, `could not join: ${error instanceof Error ? error.message : String(error)}`);
    } finally {
      this.#joining.delete(number);
    }
    this.settled(member);
  }

  #leave(number: number): void {
    this.#expected.delete(number);
    const leaver = this.#members.get(number);
    if (!leaver) return;
    this.#members.delete(number);
    this.#complete.delete(leaver.member);
    this.#ofGone.learned += leaver.member.learned;
    this.#ofGone.forgotten += leaver.member.forgotten;
    leaver.connection.leave();
  }

  /** For the members. */
  settled(member: Member): void {
    const complete = this.#knowsAll(member);
    if (complete === this.#complete.has(member) || !this.#members.has(member.number)) return;
    if (complete) this.#complete.add(member);
    else this.#complete.delete(member);
    if (this.#complete.size === this.#members.size) this.#changed();
  }

  /** For the members. */
  heard(latencyUs: number): void {
    this.#heard++;
    if (this.#latenciesUs.length < MAX_LATENCIES) this.#latenciesUs.push(latencyUs);
    // Of more than can be kept, an even sample.
    else {
      const at = Math.floor(Math.random() * this.#heard);
      if (at < MAX_LATENCIES) this.#latenciesUs[at] = latencyUs;
    }
  }

  /** For the members. What comes for one that is gone is no fault. */
  failed(member: Member, why: string): void {
    if (!this.#members.has(member.number) && !this.#joining.has(member.number)) return;
    this.fault ??= `member ${member.number} ${why}`;
    this.#changed();
  }

  #knowsAll(member: Member): boolean {
    const { knowsAtMost = Number.POSITIVE_INFINITY } = this.#rival;
    if (this.#expected.size <= knowsAtMost + 1) return member.known.equals(this.#expected);
    return member.known.size > knowsAtMost && this.#expected.lacks(member.known, 1).length === 0;
  }

  #judgeAll(): void {
    for (const { member } of this.#members.values()) this.settled(member);
    this.#changed();
  }
}
