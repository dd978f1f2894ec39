import { type Profiler, Session } from "node:inspector";

/** The scripts whose blocks count: what is fuzzed, not the fuzzer. */
const COUNTED = /\/packages\/[^/]+\/(?:src|dist)\/|\/broken-/;

export type ScriptCoverages = readonly Profiler.ScriptCoverage[];

interface CoveredFunction {
  readonly covered: Uint8Array;
  readonly start: number;
  readonly edges: Set<number>;
}

/**
 * Block coverage of this process by V8's own counters. What runs must be loaded after `start`: code that is
 * compiled earlier has no counters.
 */
export class BlockCoverage {
  readonly #session = new Session();

  start(): void {
    this.#session.connect();
    this.#session.post("Profiler.enable");
    this.#session.post("Profiler.startPreciseCoverage", { callCount: true, detailed: true });
  }

  stop(): void {
    this.#session.post("Profiler.stopPreciseCoverage");
    this.#session.disconnect();
  }

  /** The functions that ran since the last call. Counts begin anew. */
  take(): ScriptCoverages {
    let scripts: ScriptCoverages = [];
    // The answer comes before `post` returns.
    this.#session.post("Profiler.takePreciseCoverage", (error, { result }) => {
      if (error) throw error;
      scripts = result.filter(({ url }) => COUNTED.test(url));
    });
    return scripts;
  }
}

/** The blocks that one target has reached so far. */
export class BlockMap {
  readonly #functions = new Map<string, CoveredFunction>();

  /** @returns how many stretches of code are reached for the first time. */
  add(scripts: ScriptCoverages): number {
    let found = 0;
    for (const { scriptId, functions } of scripts) {
      for (const { ranges } of functions) found += this.#addFunction(scriptId, ranges, true);
    }
    return found;
  }

  /** Whether `add` would find something. */
  isNew(scripts: ScriptCoverages): boolean {
    return scripts.some(({ scriptId, functions }) =>
      functions.some(({ ranges }) => this.#addFunction(scriptId, ranges, false) > 0),
    );
  }

  /** Blocks reached, and blocks known: those of functions that were ever called. */
  get size(): { readonly reached: number; readonly known: number } {
    let reached = 0;
    let known = 0;
    for (const { covered, start, edges } of this.#functions.values()) {
      for (const edge of edges) {
        if (edge - start >= covered.length) continue;
        known++;
        if (covered[edge - start] === 1) reached++;
      }
    }
    return { reached, known };
  }

  /** Ranges nest, the outer one first; V8 leaves out those with the count of what is around them. */
  #addFunction(scriptId: string, ranges: readonly Profiler.CoverageRange[], keep: boolean): number {
    const whole = ranges[0];
    // Where V8 has inlined a function, its own count stays 0 and those of its blocks do not.
    if (!whole || !ranges.some(({ count }) => count > 0)) return 0;
    const { startOffset: start, endOffset: end } = whole;
    const key = `${scriptId}:${start}:${end}`;
    let known = this.#functions.get(key);
    if (!known) {
      known = { covered: new Uint8Array(end - start), start, edges: new Set([start]) };
      this.#functions.set(key, known);
    }
    const ran = new Uint8Array(end - start);
    for (const { startOffset, endOffset, count } of ranges) {
      known.edges.add(startOffset).add(endOffset);
      ran.fill(count > 0 ? 1 : 0, startOffset - start, endOffset - start);
    }
    let found = 0;
    let isInside = false;
    for (let at = 0; at < ran.length; at++) {
      const isNew = ran[at] === 1 && known.covered[at] === 0;
      if (isNew && keep) known.covered[at] = 1;
      if (isNew && !isInside) found++;
      isInside = isNew;
    }
    return found;
  }
}
