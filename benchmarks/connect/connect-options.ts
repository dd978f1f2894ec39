import { parseArgs } from "node:util";
import { BadOption, wholeNumber } from "../../tools/script.ts";

const PARTS = ["throughput", "first-byte"] as const;
type Part = (typeof PARTS)[number];

export interface ConnectOptions {
  readonly quick: boolean;
  readonly parts: readonly Part[];
  readonly megabytes: number;
  readonly repeats: number;
  /** Round trips between the two ends. */
  readonly roundTripsMs: readonly number[];
  /** No namespaces: the loopback alone, without delay and without NATs. */
  readonly loopback: boolean;
  /** Where the figures go as JSON; "-" is the standard output. */
  readonly json: string | undefined;
}

export const USAGE = `npm run bench -- connect [options]

Streams between two peers, each in a process of its own: how fast each method is over the loopback, beside raw TCP and
raw TLS, and how long it takes from connect() to the first byte that came back, by each kind of path. The paths are made of network
namespaces, with delays and NATs (root on Linux; Debian's packages iproute2, nftables, miniupnpd, python3); where there can be none
it says so and takes the loopback. Three minutes at most, as a rule.

  --quick           less data, each once, the kinds of path that take longest left out: less than half a minute
  --only PART       this alone: ${PARTS.join(" or ")}
  --megabytes N     what is sent over each stream (default 256, quick 32)
  --repeats N       each so many times, in turn, and the median (default 3, quick 1)
  --delays LIST     round trips between the ends, in milliseconds, with commas between (default 0,50)
  --loopback        no namespaces
  --json FILE       write all figures to this file; - for the standard output
  --help            this text

Examples:
  npm run bench -- connect --quick
  npm run bench -- connect --only throughput --megabytes 1024
  npm run --silent bench -- connect --only first-byte --delays 20 --json - | head

Exit codes: 0 all was measured; 1 something failed, or wrong bytes came; 2 wrong usage.`;

/** @throws BadOption, or what parseArgs throws, where the command line cannot be understood. */
export function parseConnectOptions(args: readonly string[]): ConnectOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: "boolean", default: false },
      only: { type: "string" },
      megabytes: { type: "string" },
      repeats: { type: "string" },
      delays: { type: "string", default: "0,50" },
      loopback: { type: "boolean", default: false },
      json: { type: "string" },
    },
  });
  const { quick, only, loopback, json } = values;
  return {
    quick,
    parts: only === undefined ? PARTS : [partOf(only)],
    megabytes: wholeNumber("--megabytes", values.megabytes ?? (quick ? "32" : "256"), 1),
    repeats: wholeNumber("--repeats", values.repeats ?? (quick ? "1" : "3"), 1),
    roundTripsMs: values.delays.split(",").map((text) => wholeNumber("--delays", text, 0)),
    loopback,
    json,
  };
}

function partOf(name: string): Part {
  const part = PARTS.find((known) => known === name);
  if (part === undefined) throw new BadOption(`--only ${name} is neither ${PARTS.join(" nor ")}`);
  return part;
}
