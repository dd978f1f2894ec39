/** One method in the race. */
export interface Runner {
  readonly name: string;
  readonly relayed: boolean;
}

export interface AttemptRaceOptions {
  /** How long one method runs before the next joins it. */
  readonly headStartMs: number;
  /** How long a relayed path waits for a direct one that is still being looked for. */
  readonly graceMs: number;
  /** When the race is over, whoever still runs. */
  readonly endMs: number;
}

/** What the driver has to do. After `won` and `lost` nothing follows. */
export type RaceStep =
  | { readonly type: "dial"; readonly name: string }
  /** Its path is the best one that is there: make it prove whose it is. */
  | { readonly type: "secure"; readonly name: string }
  /** Another one won, or the time is over. */
  | { readonly type: "cancel"; readonly name: string }
  | { readonly type: "won"; readonly name: string }
  | { readonly type: "lost"; readonly reason: "exhausted" | "timeout" };

interface Entry extends Runner {
  state: "waiting" | "dialling" | "arrived" | "securing" | "out";
  /** When its raw path was there. */
  arrivedMs: number;
}

/**
 * The race for a path, in the manner of Happy Eyeballs (RFC 8305): direct methods in the order given, then
 * relayed ones, each with a head start over the next. Paths are secured one at a time, because the peer hands
 * on each that is; one that cannot be is a failed attempt, and the race goes on. Pure: without a clock.
 */
export class AttemptRace {
  readonly #options: AttemptRaceOptions;
  readonly #entries: readonly Entry[];
  #steps: RaceStep[] = [];
  #nextStartMs: number;
  #over = false;

  constructor(runners: readonly Runner[], options: AttemptRaceOptions, nowMs: number) {
    this.#options = options;
    const ordered = [...runners.filter((runner) => !runner.relayed), ...runners.filter((r) => r.relayed)];
    this.#entries = ordered.map(({ name, relayed }) => ({ name, relayed, state: "waiting", arrivedMs: 0 }));
    this.#nextStartMs = nowMs;
    this.#advance(nowMs);
  }

  /** When `onDeadline` is due. */
  get deadlineMs(): number {
    if (this.#over) return Number.POSITIVE_INFINITY;
    const startMs = this.#has("waiting") ? this.#nextStartMs : Number.POSITIVE_INFINITY;
    return Math.min(this.#options.endMs, startMs, this.#graceEndMs);
  }

  takeSteps(): readonly RaceStep[] {
    const steps = this.#steps;
    this.#steps = [];
    return steps;
  }

  onDeadline(nowMs: number): void {
    this.#advance(nowMs);
  }

  /** It has a raw path. */
  arrived(name: string, nowMs: number): void {
    const entry = this.#entry(name, "dialling");
    if (!entry) return;
    entry.state = "arrived";
    entry.arrivedMs = nowMs;
    this.#advance(nowMs);
  }

  /** Its path has proven whose it is. */
  secured(name: string): void {
    const entry = this.#entry(name, "securing");
    if (!entry) return;
    entry.state = "out";
    this.#end({ type: "won", name });
  }

  /** It found none, or its path broke or could not be secured. */
  failed(name: string, nowMs: number): void {
    const entry = this.#entry(name, "dialling", "arrived", "securing");
    if (!entry) return;
    entry.state = "out";
    // Nobody has to wait for the head start of one who is out.
    this.#nextStartMs = nowMs;
    this.#advance(nowMs);
  }

  /** The caller gave up: whoever runs is cancelled, and nothing follows. */
  stop(): void {
    if (!this.#over) this.#cancelAll();
  }

  #advance(nowMs: number): void {
    if (this.#over) return;
    if (nowMs >= this.#options.endMs) {
      this.#end({ type: "lost", reason: "timeout" });
      return;
    }
    this.#secureNext(nowMs);
    const next = this.#entries.find(({ state }) => state === "waiting");
    if (next && nowMs >= this.#nextStartMs) {
      next.state = "dialling";
      this.#nextStartMs = nowMs + this.#options.headStartMs;
      this.#steps.push({ type: "dial", name: next.name });
    }
    if (this.#entries.every(({ state }) => state === "out")) this.#end({ type: "lost", reason: "exhausted" });
  }

  /** The first direct path; a relayed one where none can come any more, or its grace is over. */
  #secureNext(nowMs: number): void {
    if (this.#has("securing")) return;
    const arrived = this.#entries
      .filter(({ state }) => state === "arrived")
      .sort((a, b) => Number(a.relayed) - Number(b.relayed) || a.arrivedMs - b.arrivedMs);
    const [best] = arrived;
    if (!best || (best.relayed && nowMs < this.#graceEndMs && this.#isDirectPending)) return;
    best.state = "securing";
    // A path that is there gets a head start, too.
    this.#nextStartMs = nowMs + this.#options.headStartMs;
    this.#steps.push({ type: "secure", name: best.name });
  }

  get #isDirectPending(): boolean {
    return this.#entries.some(
      ({ relayed, state }) => !relayed && (state === "waiting" || state === "dialling"),
    );
  }

  /** Infinite where no relayed path waits for its turn. */
  get #graceEndMs(): number {
    if (this.#has("securing")) return Number.POSITIVE_INFINITY;
    const waiting = this.#entries.filter(({ relayed, state }) => relayed && state === "arrived");
    return Math.min(...waiting.map(({ arrivedMs }) => arrivedMs + this.#options.graceMs));
  }

  #has(state: Entry["state"]): boolean {
    return this.#entries.some((entry) => entry.state === state);
  }

  #entry(name: string, ...states: readonly Entry["state"][]): Entry | undefined {
    if (this.#over) return undefined;
    return this.#entries.find((entry) => entry.name === name && states.includes(entry.state));
  }

  #end(step: RaceStep): void {
    this.#cancelAll();
    this.#steps.push(step);
  }

  #cancelAll(): void {
    this.#over = true;
    for (const entry of this.#entries) {
      if (entry.state !== "waiting" && entry.state !== "out") {
        this.#steps.push({ type: "cancel", name: entry.name });
      }
      entry.state = "out";
    }
  }
}
