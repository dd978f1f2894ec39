import type { RosterChange, RosterView } from "@lekt/protocol";
import type { NetworkHistory, Window } from "./history.ts";
import { Tally } from "./tally.ts";
import { Violation } from "./violation.ts";
import type { Visit, WrittenReply } from "./visit.ts";

/** How long leaves and changes behind a shared address may be gathered (spec 5.8.4). */
const GATHER_MS = 1_000;

/**
 * Holds one client's roster against the history of what really happened: after each whole reply it is what the
 * network can have been in the time in which the reply was made, and nobody goes back in time.
 */
export class RosterWitness {
  /** What the changes that were told add up to: how often each key is in the roster, and how often it is stale. */
  readonly shown = new Tally();
  readonly stale = new Tally();
  #visit: Visit | undefined;
  #history: NetworkHistory | undefined;
  /** What is behind this version has to be looked at with the next reply. */
  #checkedUpTo = 0;
  #isPartial = false;
  /** The latest version in which each peer's connection was seen. */
  readonly #seen = new Map<number, number>();
  #staleSinceMs = 0;

  /** A new connection. */
  begin(visit: Visit): void {
    this.#visit = visit;
  }

  /**
   * A reply took effect.
   * @param view undefined where it is ahead of this reply already.
   * @param written the reply, as the server wrote it; undefined where the client took what came for whole (spec 5.18).
   */
  replied(
    changes: readonly RosterChange[],
    written: WrittenReply | undefined,
    history: NetworkHistory,
    first: boolean,
    view: RosterView | undefined,
    nowMs: number,
  ): void {
    this.#apply(changes, first);
    if (changes.some(({ type }) => type === "stale")) this.#staleSinceMs = nowMs;
    if (this.#history !== history) {
      this.#history = history;
      this.#seen.clear();
    }
    if (!written) {
      this.#isPartial = true;
      return;
    }
    const lagSinceMs = this.#visit?.readsSessions
      ? Number.POSITIVE_INFINITY
      : written.heartbeatMs - GATHER_MS;
    const window: Window = { from: written.from, to: written.to, lagSinceMs };
    const whole = first || this.#isPartial;
    this.#isPartial = false;
    if (whole && view) this.#compare(view);
    for (const key of this.#keys(changes, window, whole, history)) this.#check(key, window, history);
    this.#checkOrder(changes, window, history);
    this.#checkedUpTo = Math.min(window.from, history.versionAt(lagSinceMs));
  }

  /** Some were stale for long enough. */
  expired(changes: readonly RosterChange[], nowMs: number, graceMs: number): void {
    if (nowMs < this.#staleSinceMs + graceMs) throw new Violation("a peer left before its grace was over");
    this.#apply(changes, false);
  }

  /** Nothing has happened for long: the roster is exactly what is there, and nobody is stale. */
  settled(history: NetworkHistory, view: RosterView, mayBeStale: boolean): void {
    this.#compare(view);
    const now = history.now();
    for (const key of new Set([...now.keys(), ...this.shown.keys()])) {
      const there = now.get(key) ?? 0;
      const shown = this.shown.of(key);
      if (there !== shown)
        throw new Violation(`in the end ${shown} are shown and ${there} are there of ${describe(key)}`);
    }
    if (mayBeStale) return;
    for (const key of this.stale.keys()) throw new Violation(`stale in the end: ${describe(key)}`);
  }

  /** The changes add up to the view's own roster. */
  #compare(view: RosterView): void {
    const live = new Tally();
    const stale = new Tally();
    for (const entry of view.entries()) (entry.stale ? stale : live).add(entry.key, 1);
    if (!live.equals(this.shown) || !stale.equals(this.stale))
      throw new Violation("the changes that were told do not add up to the roster");
  }

  #apply(changes: readonly RosterChange[], first: boolean): void {
    const come = new Set<string>();
    const gone = new Set<string>();
    for (const { type, entry } of changes) {
      if (type === "joined" || type === "back") come.add(entry.key);
      if (type === "left" || type === "stale") gone.add(entry.key);
      if (type === "stale" && !first) throw new Violation("stale without a new connection");
    }
    for (const key of come) if (gone.has(key)) throw new Violation(`both came and went: ${describe(key)}`);
    for (const change of changes) this.#applyOne(change);
  }

  #applyOne(change: RosterChange): void {
    const { type, entry } = change;
    switch (type) {
      case "joined":
        this.shown.add(entry.key, 1);
        break;
      case "left":
        (entry.stale ? this.stale : this.shown).add(entry.key, -1);
        break;
      case "stale":
        this.shown.add(entry.key, -1);
        this.stale.add(entry.key, 1);
        break;
      case "back":
        this.stale.add(entry.key, -1);
        this.shown.add(entry.key, 1);
        break;
      case "updated":
        this.shown.add(change.formerKey, -1);
        this.shown.add(entry.key, 1);
        break;
    }
  }

  #keys(
    changes: readonly RosterChange[],
    window: Window,
    whole: boolean,
    history: NetworkHistory,
  ): Iterable<string> {
    if (whole) return new Set([...this.shown.keys(), ...history.keys()]);
    const keys = new Set<string>(history.keysBetween(this.#checkedUpTo, window.to));
    for (const change of changes) {
      keys.add(change.entry.key);
      if (change.type === "updated") keys.add(change.formerKey);
    }
    return keys;
  }

  #check(key: string, window: Window, history: NetworkHistory): void {
    const shown = this.shown.of(key);
    const { least, most } = history.bounds(key, window);
    if (shown >= least && shown <= most) return;
    throw new Violation(`${shown} are shown where ${least} to ${most} can be there of ${describe(key)}`);
  }

  /** Whose key tells which connection it is, and at which point of its life, is never seen at an earlier point again. */
  #checkOrder(changes: readonly RosterChange[], { to }: Window, history: NetworkHistory): void {
    const gone: string[] = [];
    for (const change of changes) {
      if (change.type === "updated") gone.push(change.formerKey);
      if (change.type === "left" || change.type === "stale") gone.push(change.entry.key);
    }
    for (const key of gone) {
      const arrival = history.onlyArrival(key);
      const departure = history.departure(key);
      if (arrival && departure !== undefined && departure <= to) this.#see(arrival.visit, departure, key);
    }
    for (const { type, entry } of changes) {
      if (type === "left" || type === "stale") continue;
      const arrival = history.onlyArrival(entry.key);
      if (arrival) this.#see(arrival.visit, arrival.version, entry.key);
    }
  }

  #see(visit: number, version: number, key: string): void {
    if (version < (this.#seen.get(visit) ?? 0))
      throw new Violation(`seen again after it was over: ${describe(key)}`);
    this.#seen.set(visit, version);
  }
}

/** A key holds any bytes: what can be read of it, shortened. */
export function describe(key: string): string {
  const text = key.replace(/[^\x20-\x7e]+/g, ".");
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
