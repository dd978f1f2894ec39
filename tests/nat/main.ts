/**
 * Lets peers connect from behind all kinds of NAT and prints how they did and how long it took; the table in
 * docs/nat.md comes from here. The tests run the same, each pair once.
 */
import { parseArgs } from "node:util";
import { BadOption, runScript, wholeNumber } from "../../tools/script.ts";
import { CELLS, type Cell } from "./cells.ts";
import { faultOf, letterOf } from "./letters.ts";
import { namespaceObstacle } from "./namespaces.ts";
import { NatMatrix } from "./nat-matrix.ts";
import type { Meeting } from "./peer-process.ts";
import { reportOf, type Seen } from "./report.ts";

const USAGE = `npm run nat -- [--only NAMES] [--repeats N] [--methods NAMES] [--json]

  --only NAMES   pairs by their letters, with commas: NP,SP (default: all, and what is beside the matrix)
  --repeats N    meetings of each pair, each side dials in turn (default 3)
  --methods LIST by these alone, with commas (default: tcp,udp,relay)
  --json         all that was seen, traces included, one JSON object a pair

N public, F full cone, A address-restricted, P port-restricted, S symmetric, U without UDP, G with a UPnP gateway,
L leaky.
Needs root on Linux, and Debian's packages iproute2, nftables and miniupnpd.

Examples:
  npm run nat
  npm run nat -- --only PS,SS --repeats 10
  npm run --silent nat -- --json > nat.jsonl

Exit codes: 0 all met as expected; 1 some did not; 2 wrong usage.`;

/** The pairs that are meant, the letters in either order. */
function cellsOf(names: string): readonly Cell[] {
  if (names === "") return CELLS;
  return names.split(",").map((name) => {
    const turned = [...name].reverse().join("");
    const found = CELLS.find((cell) => cell.name === name || cell.name === turned);
    if (found === undefined)
      throw new BadOption(`--only ${name} is no pair of the letters N, F, A, P, S, U, G, L`);
    return found;
  });
}

async function look(
  matrix: NatMatrix,
  cell: Cell,
  repeats: number,
  methods: readonly string[] | undefined,
): Promise<Seen> {
  const meetings: Meeting[] = [];
  const faults: string[] = [];
  for (let i = 0; i < repeats; i++) {
    try {
      const meeting = await matrix.meet(cell, i % 2 === 0 ? "left" : "right", methods);
      meetings.push(meeting);
      const fault = faultOf(cell, meeting);
      if (fault !== undefined) faults.push(fault);
    } catch (error) {
      faults.push(`${cell.name}: ${error instanceof Error ? error.message : error}`);
    }
  }
  const { name, expected } = cell;
  return { cell: name, expected, letters: [...new Set(meetings.map(letterOf))], meetings, faults };
}

async function main(args: readonly string[]): Promise<boolean> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: "string", default: "" },
      repeats: { type: "string", default: "3" },
      methods: { type: "string" },
      json: { type: "boolean", default: false },
    },
  });
  const cells = cellsOf(values.only);
  const repeats = wholeNumber("--repeats", values.repeats, 1);
  const obstacle = namespaceObstacle();
  if (obstacle !== undefined) {
    process.stderr.write(`There can be no NAT laboratory here: ${obstacle}.\n`);
    return false;
  }
  const seen: Seen[] = [];
  const matrix = await NatMatrix.start();
  try {
    for (const cell of cells) {
      process.stderr.write(`${cell.name} …\n`);
      const row = await look(matrix, cell, repeats, values.methods?.split(","));
      seen.push(row);
      if (values.json) process.stdout.write(`${JSON.stringify(row)}\n`);
    }
  } finally {
    await matrix.stop();
  }
  if (!values.json) process.stdout.write(reportOf(seen));
  const faults = seen.flatMap((row) => row.faults);
  for (const fault of faults) process.stderr.write(`${fault}\n`);
  return faults.length === 0;
}

await runScript({ command: "npm run nat", usage: USAGE, main });
