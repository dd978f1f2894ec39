import { Random } from "@lekt/testkit";
import { type BlockCoverage, BlockMap, type ScriptCoverages } from "./block-coverage.ts";
import { Corpus } from "./corpus.ts";
import { type FuzzInput, inputOf } from "./fuzz-input.ts";
import type { FuzzTarget } from "./fuzz-target.ts";
import { Mutator } from "./mutator.ts";
import { shrink } from "./shrink.ts";

/** A bug: the shrunk input and what it brings about. */
export interface Finding {
  readonly target: string;
  readonly input: FuzzInput;
  readonly error: string;
  /** After so many executions of this hunt. */
  readonly executions: number;
}

export interface HuntStatistics {
  readonly target: string;
  readonly executions: number;
  readonly corpus: number;
  readonly blocks: { readonly reached: number; readonly known: number };
  readonly notes: number;
  readonly findings: number;
}

/** So many executions share one look at the coverage; only where that shows something new are they repeated. */
const BATCH = 96;
const GROUP = 8;
/** More bugs than this are not told apart: first these are to be fixed. */
const MAX_FINDINGS = 12;
/** Above this an execution counts as a finding. Far above: the machine may be busy. */
const SLOW_MS = 5_000;

/** The search for inputs that make one target fail. The same seed and number of executions give the same search. */
export class Hunt {
  readonly target: FuzzTarget;
  readonly #coverage: BlockCoverage;
  readonly #random: Random;
  readonly #mutator: Mutator;
  readonly #shrinkRuns: number;
  readonly #corpus = new Corpus();
  readonly #blocks = new BlockMap();
  readonly #notes = new Set<string>();
  readonly #findings = new Map<string, Finding>();
  #executions = 0;
  #fresh: Finding[] = [];

  /** @param shrinkRuns how much may be spent on making a finding small. */
  constructor(target: FuzzTarget, seed: number, coverage: BlockCoverage, shrinkRuns = 20_000) {
    this.#shrinkRuns = shrinkRuns;
    this.target = target;
    this.#coverage = coverage;
    this.#random = new Random(seed, target.name);
    this.#mutator = new Mutator(target, this.#random);
  }

  get statistics(): HuntStatistics {
    return {
      target: this.target.name,
      executions: this.#executions,
      corpus: this.#corpus.size,
      blocks: this.#blocks.size,
      notes: this.#notes.size,
      findings: this.#findings.size,
    };
  }

  get executions(): number {
    return this.#executions;
  }

  /** What was found since the last call; each error once. */
  takeFindings(): readonly Finding[] {
    const fresh = this.#fresh;
    this.#fresh = [];
    return fresh;
  }

  /** Runs one batch: at first the seeds, then mutations of what led somewhere. */
  runBatch(): void {
    // What other hunts ran meanwhile is none of this one's.
    this.#coverage.take();
    if (this.#corpus.size === 0) {
      this.#corpus.add(inputOf(new Uint8Array(0)));
      for (const input of this.target.seeds()) {
        this.#execute(input);
        this.#corpus.add(input);
      }
      this.#blocks.add(this.#coverage.take());
      return;
    }
    const batch: FuzzInput[] = [];
    for (let i = 0; i < BATCH; i++) {
      const parent = this.#corpus.pick(this.#random);
      const input = this.#mutator.mutate(parent, () => this.#corpus.pick(this.#random));
      batch.push(input);
      if (this.#execute(input)) this.#corpus.add(input);
    }
    const together = this.#coverage.take();
    if (this.#blocks.isNew(together)) this.#keepWhatReached(batch, together);
  }

  /** Runs the inputs in small groups, short ones first, then one by one, and keeps each that reaches something new. */
  #keepWhatReached(batch: readonly FuzzInput[], together: ScriptCoverages): void {
    const shortFirst = batch.toSorted((a, b) => a.bytes.length - b.bytes.length);
    for (let from = 0; from < shortFirst.length; from += GROUP) {
      const group = shortFirst.slice(from, from + GROUP);
      for (const input of group) this.#attempt(input);
      if (!this.#blocks.isNew(this.#coverage.take())) continue;
      for (const input of group) {
        this.#attempt(input);
        if (this.#blocks.add(this.#coverage.take()) > 0) this.#corpus.add(input);
      }
    }
    // What ran once only, such as what is cached for good.
    this.#blocks.add(together);
  }

  /** @returns whether it noted something new. */
  #execute(input: FuzzInput): boolean {
    this.#executions++;
    const notesBefore = this.#notes.size;
    const error = this.#attempt(input);
    if (error !== undefined) this.#keepFinding(input, error);
    return this.#notes.size > notesBefore;
  }

  #attempt(input: FuzzInput): string | undefined {
    const startMs = performance.now();
    try {
      this.target.run(input, (feature) => this.#notes.add(feature));
    } catch (error) {
      return describe(error);
    }
    const tookMs = performance.now() - startMs;
    return tookMs > SLOW_MS ? "Slow: one execution took more than 5 s" : undefined;
  }

  #keepFinding(input: FuzzInput, error: string): void {
    const kind = kindOf(error);
    if (this.#findings.has(kind) || this.#findings.size >= MAX_FINDINGS) return;
    const smallest = shrink(
      input,
      (candidate) => kindOf(this.#attempt(candidate) ?? "") === kind,
      this.#shrinkRuns,
    );
    const finding = {
      target: this.target.name,
      input: smallest,
      error: this.#attempt(smallest) ?? error,
      executions: this.#executions,
    };
    this.#findings.set(kind, finding);
    this.#fresh.push(finding);
  }
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return `thrown: ${String(error)}`;
  return `${error.name}: ${error.message}`;
}

/** Two findings of one kind are taken for one bug: they read the same up to a second colon, numbers aside. */
function kindOf(error: string): string {
  const [firstLine = ""] = error.split(": ", 2).join(": ").split("\n", 1);
  return firstLine.replace(/\d+/g, "0").slice(0, 160);
}
