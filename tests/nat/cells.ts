/** How peers behind two kinds of NAT are to meet. */
export type Letter =
  /** Direct. */
  | "D"
  /** Direct, by the many-socket method. */
  | "M"
  /** Direct, and over TCP. */
  | "T"
  /** Relayed. */
  | "R";

/** As in `router-rules.ts`; N: public. */
export const KINDS = ["N", "F", "A", "P", "S", "U", "G", "L"] as const;
type Kind = (typeof KINDS)[number];

/**
 * One row a kind, in the order of `KINDS`; what is left of the diagonal is to be read from the other row. A dash: a
 * matter of luck, which is not tested.
 */
const ROWS: Readonly<Record<Kind, string>> = {
  N: "DDDDDTDD",
  F: " DDDDTDD",
  A: "  DDDTDD",
  P: "   DMTDD",
  S: "    RRD-",
  U: "     TTT",
  G: "      DD",
  L: "       D",
};

/** A place where a peer is: a site of the laboratory and a host in it. */
export interface Place {
  readonly site: string;
  readonly host: 1 | 2;
}

/** Two places, and how peers there are to meet. */
export interface Cell {
  readonly name: string;
  readonly left: Place;
  readonly right: Place;
  readonly expected: Letter;
  /** Why UDP finds no way; undefined where it does. */
  readonly reason: RegExp | undefined;
}

const at = (site: string, host: 1 | 2 = 1): Place => ({ site, host });

function cell(name: string, left: Place, right: Place, expected: Letter): Cell {
  const reason =
    expected === "T" || name.includes("U") ? /no UDP/ : expected === "R" ? /symmetric/ : undefined;
  return { name, left, right, expected, reason };
}

/** By the letters of both kinds, the one first that is first in `KINDS`. */
const MATRIX: readonly Cell[] = KINDS.flatMap((left, row) =>
  KINDS.slice(row).flatMap((right, i) => {
    const expected = ROWS[left][row + i];
    return expected === "-"
      ? []
      : [cell(`${left}${right}`, at(left), at(`other${right}`), expected as Letter)];
  }),
);

/** Both peers behind one NAT. */
const HOMES: readonly Cell[] = KINDS.filter((kind) => kind !== "N").map((kind) =>
  cell(`one ${kind}`, at(kind), at(kind, 2), "D"),
);

export const CELLS: readonly Cell[] = [
  ...MATRIX,
  ...HOMES,
  cell("P behind P, and P", at("twice"), at("otherP"), "D"),
  cell("IPv6, both firewalled", at("ipv6"), at("otherIpv6"), "D"),
];

/** Whether UDP finds a direct way: wherever it passes, but for two symmetric NATs. */
export function meetsByUdp({ expected, reason }: Cell): boolean {
  return (expected === "D" || expected === "M") && reason === undefined;
}
