import type { Result } from "../harness/matrix.ts";
import type { Figures } from "../harness/run.ts";
import type { Entrant } from "../rivals/registry.ts";

/** What is plotted and tabled of a run; the smaller, the better. */
export interface Measure {
  readonly title: string;
  readonly unit: string;
  readonly of: (figures: Figures) => number | undefined;
}

export const MEASURES: readonly Measure[] = [
  {
    title: "Server CPU time for each entry delivered",
    unit: "µs",
    of: ({ joinCpuSeconds, entries }) => (joinCpuSeconds / entries) * 1e6,
  },
  {
    title: "Until everybody knows everybody",
    unit: "s",
    of: ({ joinSeconds }) => joinSeconds,
  },
  {
    title: "Server memory for each client",
    unit: "kB",
    of: ({ bytesPerClient }) => bytesPerClient / 1_000,
  },
  {
    title: "News of a newcomer reach the others, 99 %",
    unit: "ms",
    of: ({ news }) => news?.propagationP99Ms,
  },
];

/** What only the tables have. */
export const MORE_MEASURES: readonly Measure[] = [
  {
    title: "Server CPU time until everybody knows everybody",
    unit: "s",
    of: ({ joinCpuSeconds }) => joinCpuSeconds,
  },
  {
    title: "News of a newcomer reach the others, 50 %",
    unit: "ms",
    of: ({ news }) => news?.propagationP50Ms,
  },
  {
    title: "Server CPU time for everybody to learn that a tenth left",
    unit: "s",
    of: ({ news }) => news?.leaveCpuSeconds,
  },
];

/** What came of a rival at a size: figures where there are any, else why not. */
export type Cell = { readonly figures: readonly Figures[] } | { readonly why: string };

export class Summary {
  readonly entrants: readonly Entrant[];
  readonly sizes: readonly number[];
  readonly #cells = new Map<string, Cell>();

  constructor(entrants: readonly Entrant[], results: readonly Result[]) {
    this.entrants = entrants;
    this.sizes = [...new Set(results.map(({ members }) => members))];
    for (const { rival } of entrants) {
      for (const size of this.sizes) {
        const own = results.filter(({ rival: name, members }) => name === rival.name && members === size);
        this.#cells.set(`${rival.name} ${size}`, cellOf(own));
      }
    }
  }

  cell(rival: string, size: number): Cell {
    return this.#cells.get(`${rival} ${size}`) ?? { why: "not run" };
  }

  /** The median of the repeats; undefined where nothing was measured. */
  value(measure: Measure, rival: string, size: number): number | undefined {
    const cell = this.cell(rival, size);
    if ("why" in cell) return undefined;
    const values = cell.figures.flatMap((figures) => measure.of(figures) ?? []).sort((a, b) => a - b);
    const value = values[Math.floor(values.length / 2)];
    return value !== undefined && value > 0 ? value : undefined;
  }

  /** How many times as much as the first rival. */
  ratio(measure: Measure, rival: string, size: number): number | undefined {
    const first = this.entrants[0];
    const value = this.value(measure, rival, size);
    const base = first && this.value(measure, first.rival.name, size);
    return value === undefined || base === undefined ? undefined : value / base;
  }
}

function cellOf(results: readonly Result[]): Cell {
  const figures = results.flatMap(({ outcome }) => (outcome.kind === "measured" ? [outcome.figures] : []));
  if (figures.length > 0) return { figures };
  const outcome = results[0]?.outcome;
  switch (outcome?.kind) {
    case "too slow":
      return { why: `> ${outcome.limitSeconds} s` };
    case "wrong":
      return { why: "wrong" };
    default:
      return { why: "–" };
  }
}
