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
  /** How long a path may take to prove whose it is before another one is asked beside it. */
  readonly proofMs: number;
  /** When the race is over, whoever still runs. */
  readonly endMs: number;
}

/** What the driver has to do. After `won` and `lost` nothing follows. */
export type RaceStep =
  | { readonly type: "dial"; readonly name: string }
  /** Its path is the best one that is there: make it prove whose it is. */
  | { readonly type: "secure"; readonly name: string }
  /** It has proven that, and its turn has come: send the preamble. */
  | { readonly type: "greet"; readonly name: string }
  /** Another one won, or the time is over. */
  | { readonly type: "cancel"; readonly name: string }
  | { readonly type: "won"; readonly name: string }
  | { readonly type: "lost"; readonly reason: "exhausted" | "timeout" };

interface Entry extends Runner {
  state: "waiting" | "dialling" | "arrived" | "proving" | "proven" | "greeting" | "out";
  /** When its raw path was there. */
  arrivedMs: number;
  /** When it was asked whose it is. */
  askedMs: number;
}

/**
 * The race for a path, in the manner of Happy Eyeballs (RFC 8305): direct methods in the order given, then
 * relayed ones, each with a head start over the next. Paths are secured one at a time, because the peer hands
 * on each that is; one that cannot be is a failed attempt, and the race goes on. Only who is slow to prove whose it
 * is gets company: it may be nobody's (spec 9.9.1). Pure: without a clock.
 */
export class AttemptRace {
  readonly #options: AttemptRaceOptions;
  readonly #entries: Entry[];
  #steps: RaceStep[] = [];
  #nextStartMs: number;
  #nowMs: number;
  #over = false;

  constructor(runners: readonly Runner[], options: AttemptRaceOptions, nowMs: number) {
    this.#options = options;
    const ordered = [...runners.filter((runner) => !runner.relayed), ...runners.filter((r) => r.relayed)];
    this.#entries = ordered.map(({ name, relayed }) => entryOf(name, relayed, "waiting"));
    this.#nextStartMs = nowMs;
    this.#nowMs = nowMs;
    this.#advance(nowMs);
  }

  /** When `onDeadline` is due. */
  get deadlineMs(): number {
    if (this.#over) return Number.POSITIVE_INFINITY;
    const startMs = this.#has("waiting") ? this.#nextStartMs : Number.POSITIVE_INFINITY;
    const due = [startMs, this.#graceEndMs, this.#proofEndMs].filter((ms) => ms > this.#nowMs);
    return Math.min(this.#options.endMs, ...due);
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

  /** Another path may come of the same attempt as one that has arrived: under this name it is awaited as a dialled one is. */
  awaited({ name, relayed }: Runner): void {
    if (!this.#over) this.#entries.push(entryOf(name, relayed, "dialling"));
  }

  /** None came under this name, and that is no failure. */
  absent(name: string, nowMs: number): void {
    const entry = this.#entry(name, "dialling");
    if (!entry) return;
    entry.state = "out";
    this.#advance(nowMs);
  }

  /** Its path has proven whose it is, and waits for its turn. */
  proven(name: string): void {
    const entry = this.#entry(name, "proving");
    if (!entry) return;
    entry.state = "proven";
    this.#greetNext();
  }

  /** Its path is ready for use. */
  secured(name: string): void {
    const entry = this.#entry(name, "proving", "greeting");
    if (!entry) return;
    entry.state = "out";
    this.#end({ type: "won", name });
  }

  /** It found none, or its path broke or could not be secured. */
  failed(name: string, nowMs: number): void {
    const entry = this.#entry(name, "dialling", "arrived", "proving", "proven", "greeting");
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
    this.#nowMs = nowMs;
    if (nowMs >= this.#options.endMs) {
      this.#end({ type: "lost", reason: "timeout" });
      return;
    }
    this.#greetNext();
    this.#secureNext(nowMs);
    const next = this.#entries.find(({ state }) => state === "waiting");
    if (next && nowMs >= this.#nextStartMs) {
      next.state = "dialling";
      this.#nextStartMs = nowMs + this.#options.headStartMs;
      this.#steps.push({ type: "dial", name: next.name });
    }
    if (this.#entries.every(({ state }) => state === "out")) this.#end({ type: "lost", reason: "exhausted" });
  }

  /** The peer hands on each path with a preamble: one at a time. */
  #greetNext(): void {
    if (this.#has("greeting")) return;
    const [best] = this.#inState("proven");
    if (!best) return;
    best.state = "greeting";
    this.#steps.push({ type: "greet", name: best.name });
  }

  /** The first direct path; a relayed one where none can come any more, or its grace is over. */
  #secureNext(nowMs: number): void {
    if (this.#has("greeting") || nowMs < this.#proofEndMs) return;
    const [best] = this.#inState("arrived");
    if (!best || (best.relayed && nowMs < this.#graceEndMs && this.#isDirectPending)) return;
    best.state = "proving";
    best.askedMs = nowMs;
    // A path that is there gets a head start, too.
    this.#nextStartMs = nowMs + this.#options.headStartMs;
    this.#steps.push({ type: "secure", name: best.name });
  }

  /** Direct ones first, then as they came. */
  #inState(state: Entry["state"]): Entry[] {
    return this.#entries
      .filter((entry) => entry.state === state)
      .sort((a, b) => Number(a.relayed) - Number(b.relayed) || a.arrivedMs - b.arrivedMs);
  }

  get #isDirectPending(): boolean {
    return this.#entries.some(
      ({ relayed, state }) =>
        !relayed && (state === "waiting" || state === "dialling" || state === "proving"),
    );
  }

  /** Infinite where no relayed path waits for its turn. */
  get #graceEndMs(): number {
    if (this.#has("greeting")) return Number.POSITIVE_INFINITY;
    const waiting = this.#entries.filter(({ relayed, state }) => relayed && state === "arrived");
    return Math.min(...waiting.map(({ arrivedMs }) => arrivedMs + this.#options.graceMs));
  }

  /** Until then nobody but who is asked already has to prove anything. */
  get #proofEndMs(): number {
    return Math.max(...this.#inState("proving").map(({ askedMs }) => askedMs + this.#options.proofMs));
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

function entryOf(name: string, relayed: boolean, state: Entry["state"]): Entry {
  return { name, relayed, state, arrivedMs: 0, askedMs: 0 };
}
