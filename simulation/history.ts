/** One thing that happened to one key (what a client publishes, with its address) in a network. */
interface Step {
  readonly version: number;
  readonly atMs: number;
  readonly visit: number;
  readonly delta: 1 | -1;
  /** Behind a shared address: may be gathered for up to a second for readers without sessions (spec 5.8.4). */
  readonly mayLag: boolean;
  /** How many there were with this key before it. */
  readonly countBefore: number;
}

/** How often a key may be in a roster. */
export interface Bounds {
  readonly least: number;
  readonly most: number;
}

/** What a reader may have been told of: everything up to `from`, perhaps more, and nothing behind `to`. */
export interface Window {
  readonly from: number;
  readonly to: number;
  /** What lagged behind a shared address since then may be missing, too; infinite: nothing may. */
  readonly lagSinceMs: number;
}

/** A member of the network, as it really was. */
interface Member {
  readonly ip: number;
  readonly group: string;
  key: string;
  readonly isSeen: boolean;
}

/** What really happened in one network, told by the rim, in the order of happening. */
export class NetworkHistory {
  /** The last version; 0 is the empty network. */
  version = 0;
  readonly #steps = new Map<string, Step[]>();
  readonly #keysOfVersion: (readonly string[])[] = [[]];
  readonly #timeOfVersion: number[] = [0];
  readonly #bytesUpTo: number[] = [0];
  readonly #members = new Map<number, Member>();
  readonly #atAddress = new Map<number, number>();
  readonly #inGroup = new Map<string, number>();

  /** Everybody in the network, watchers included. */
  get size(): number {
    return this.#members.size;
  }

  inGroup(group: string): number {
    return this.#inGroup.get(group) ?? 0;
  }

  enter(visit: number, member: Member, nowMs: number): void {
    this.#members.set(visit, { ...member });
    this.#inGroup.set(member.group, this.inGroup(member.group) + 1);
    if (!member.isSeen) return;
    this.#atAddress.set(member.ip, (this.#atAddress.get(member.ip) ?? 0) + 1);
    this.#next([member.key], member.ip, nowMs);
    this.#step(visit, member.key, 1, false, nowMs);
  }

  change(visit: number, key: string, nowMs: number): void {
    const member = this.#members.get(visit);
    if (!member?.isSeen) return;
    const mayLag = this.#isShared(member.ip);
    this.#next([member.key, key], member.ip, nowMs);
    this.#step(visit, member.key, -1, mayLag, nowMs);
    this.#step(visit, key, 1, mayLag, nowMs);
    member.key = key;
  }

  leave(visit: number, nowMs: number): void {
    const member = this.#members.get(visit);
    if (!member) return;
    this.#members.delete(visit);
    this.#inGroup.set(member.group, this.inGroup(member.group) - 1);
    if (!member.isSeen) return;
    this.#next([member.key], member.ip, nowMs);
    this.#step(visit, member.key, -1, this.#isShared(member.ip), nowMs);
    this.#atAddress.set(member.ip, (this.#atAddress.get(member.ip) ?? 0) - 1);
  }

  isMember(visit: number): boolean {
    return this.#members.has(visit);
  }

  /** Who is there now: how often each key. */
  now(): Map<string, number> {
    const counts = new Map<string, number>();
    for (const { key, isSeen } of this.#members.values()) {
      if (isSeen) counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    return counts;
  }

  /** When the version came to be. */
  timeOf(version: number): number {
    return this.#timeOfVersion[version] ?? Number.POSITIVE_INFINITY;
  }

  /** Since when the network differs, in the same way as now, from what it was at `version`; undefined: it does not. */
  differsSinceMs(version: number): number | undefined {
    let sinceMs: number | undefined;
    for (const key of this.keysBetween(version, this.version)) {
      const steps = this.#steps.get(key) ?? [];
      const last = steps.at(-1);
      const before = steps[this.#firstOpen(steps, version, Number.POSITIVE_INFINITY)];
      if (last && before && before.countBefore !== countAfter(last))
        sinceMs = Math.min(sinceMs ?? last.atMs, last.atMs);
    }
    return sinceMs;
  }

  /** Roughly what it takes to tell the changes from one version to another. */
  bytesBetween(from: number, to: number): number {
    return (this.#bytesUpTo[to] ?? 0) - (this.#bytesUpTo[from] ?? 0);
  }

  /** The last version of a time before or at `atMs`. */
  versionAt(atMs: number): number {
    let low = 0;
    let high = this.version;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.timeOf(middle) <= atMs) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** The keys of what happened behind `from`, up to `to`. */
  *keysBetween(from: number, to: number): Generator<string> {
    for (let version = from + 1; version <= to; version++) yield* this.#keysOfVersion[version] ?? [];
  }

  /** Every key that was ever there. */
  keys(): Iterable<string> {
    return this.#steps.keys();
  }

  /** How often the key may be in a roster that was told within the window. */
  bounds(key: string, { from, to, lagSinceMs }: Window): Bounds {
    const steps = this.#steps.get(key);
    if (!steps) return { least: 0, most: 0 };
    const first = this.#firstOpen(steps, from, lagSinceMs);
    let least = steps[first]?.countBefore ?? countAfter(steps.at(-1));
    let most = least;
    /** Of each visit: its sum so far, and how far down and up that went. */
    const open = new Map<number, { sum: number; low: number; high: number }>();
    for (let i = first; i < steps.length; i++) {
      const { version, visit, delta, mayLag, atMs } = steps[i] as Step;
      if (version > to) break;
      const state = open.get(visit) ?? { sum: 0, low: 0, high: 0 };
      open.set(visit, state);
      const isForced = version <= from && !(mayLag && atMs > lagSinceMs);
      state.sum += delta;
      state.low = isForced ? state.sum : Math.min(state.low, state.sum);
      state.high = isForced ? state.sum : Math.max(state.high, state.sum);
    }
    for (const { low, high } of open.values()) {
      least += low;
      most += high;
    }
    return { least, most };
  }

  /** The version in which the key came, where it came once in all; otherwise it tells nothing about the order. */
  onlyArrival(key: string): { readonly visit: number; readonly version: number } | undefined {
    const steps = this.#steps.get(key);
    const first = steps?.[0];
    return first && !steps.some((step, i) => i > 0 && step.delta === 1) ? first : undefined;
  }

  /** The version in which the key of `onlyArrival` went, or undefined where it is still there. */
  departure(key: string): number | undefined {
    return this.#steps.get(key)?.find(({ delta }) => delta === -1)?.version;
  }

  #firstOpen(steps: readonly Step[], from: number, lagSinceMs: number): number {
    let low = 0;
    let high = steps.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const { version, atMs } = steps[middle] as Step;
      if (version <= from && atMs <= lagSinceMs) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #isShared(ip: number): boolean {
    return (this.#atAddress.get(ip) ?? 0) > 1;
  }

  #next(keys: readonly string[], ip: number, nowMs: number): void {
    this.version++;
    this.#keysOfVersion.push(keys);
    this.#timeOfVersion.push(nowMs);
    let bytes = this.#bytesUpTo.at(-1) ?? 0;
    // Everybody at the address may be told anew.
    const repeats = this.#atAddress.get(ip) ?? 1;
    for (const key of keys) bytes += repeats * (key.length + 100);
    this.#bytesUpTo.push(bytes);
  }

  #step(visit: number, key: string, delta: 1 | -1, mayLag: boolean, atMs: number): void {
    const steps = this.#steps.get(key) ?? [];
    const countBefore = countAfter(steps.at(-1));
    steps.push({ version: this.version, atMs, visit, delta, mayLag, countBefore });
    this.#steps.set(key, steps);
  }
}

function countAfter(step: Step | undefined): number {
  return step ? step.countBefore + step.delta : 0;
}

/** What really happened on one server, from its start to its end. */
export class History {
  readonly #networks = new Map<string, NetworkHistory>();
  /** Clients in all networks. */
  clients = 0;

  network(name: string): NetworkHistory {
    let network = this.#networks.get(name);
    if (!network) {
      network = new NetworkHistory();
      this.#networks.set(name, network);
    }
    return network;
  }

  /** Networks with somebody in them. */
  get inhabited(): number {
    let count = 0;
    for (const network of this.#networks.values()) if (network.size > 0) count++;
    return count;
  }
}
