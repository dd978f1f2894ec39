import { quantile } from "../harness/statistics.ts";
import { figure, type Table } from "../report/tables.ts";
import type { FirstByteResult } from "./first-byte.ts";
import { STREAMS, type Throughput } from "./throughput.ts";

/** What the others are set beside. */
const BASE = "raw TLS";

/** Medians; in brackets how many times as much as raw TLS. */
export function throughputTable(results: readonly Throughput[]): Table {
  const cell = (stream: string, of: (result: Throughput) => number) =>
    withRatio(stream, (name) => median(results.filter((result) => result.stream === name).map(of)));
  return {
    title: `One stream over the loopback, one direction; in brackets: times ${BASE}`,
    header: ["", "MB/s", "CPU time, both ends and the relay, s/GB"],
    rows: STREAMS.map((stream) => [
      stream,
      cell(stream, ({ megabytesPerSecond }) => megabytesPerSecond),
      cell(stream, ({ cpuSecondsPerGigabyte }) => cpuSecondsPerGigabyte),
    ]),
  };
}

/** Medians of what worked; in brackets how many times as much as raw TLS. */
export function firstByteTable(results: readonly FirstByteResult[]): Table {
  const paths = [...new Set(results.map(({ path }) => path))];
  const delays = [...new Set(results.map(({ roundTripMs }) => roundTripMs))];
  const cell = (path: string, delay: number) => {
    const of = (name: string) =>
      results.filter((result) => result.path === name && result.roundTripMs === delay);
    const times = (name: string) => of(name).flatMap(({ elapsedMs }) => elapsedMs ?? []);
    const all = of(path).length;
    const worked = times(path).length;
    if (worked === 0) return all === 0 ? "–" : "failed";
    const text = withRatio(path, (name) => median(times(name)));
    return worked === all ? text : `${text}, ${all - worked} of ${all} failed`;
  };
  return {
    title: `From connect() to the first byte that came back, ms; in brackets: times ${BASE}`,
    header: ["", ...delays.map((delay) => `${delay} ms there and back`)],
    rows: paths.map((path) => [path, ...delays.map((delay) => cell(path, delay))]),
  };
}

function withRatio(name: string, value: (name: string) => number): string {
  const own = value(name);
  const ratio = own / value(BASE);
  return name === BASE || Number.isNaN(ratio) ? figure(own) : `${figure(own)} (${figure(ratio)}×)`;
}

function median(values: readonly number[]): number {
  return quantile(
    [...values].sort((a, b) => a - b),
    0.5,
  );
}
