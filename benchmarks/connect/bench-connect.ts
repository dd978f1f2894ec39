import { writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { delayObstacle } from "../../tests/nat/delay-line.ts";
import { namespaceObstacle } from "../../tests/nat/namespaces.ts";
import { ProgressLine } from "../report/progress-line.ts";
import { asText } from "../report/tables.ts";
import { type ConnectOptions, parseConnectOptions } from "./connect-options.ts";
import { firstByteTable, throughputTable } from "./connect-tables.ts";
import { type FirstByteResult, measureFirstBytes } from "./first-byte.ts";
import { PATH_KINDS, type PathKind } from "./paths.ts";
import { labPlace, loopbackPlace, type Place } from "./place.ts";
import { measureThroughput } from "./throughput.ts";

/** @returns whether all was measured. */
export async function benchConnect(args: readonly string[]): Promise<boolean> {
  const options = parseConnectOptions(args);
  const { parts, megabytes, repeats, json } = options;
  const line = new ProgressLine(process.stderr);
  const throughput = parts.includes("throughput")
    ? await measureThroughput({ megabytes, repeats, progress: (text) => line.show(text) })
    : [];
  if (throughput.length > 0) line.keep("throughput is measured");
  const firstBytes = parts.includes("first-byte") ? await allFirstBytes(options, line) : [];
  const figures = {
    ...{ node: process.version, cores: availableParallelism(), platform: process.platform },
    ...{ megabytes, throughput, firstBytes },
  };
  const report = `${JSON.stringify(figures, undefined, 2)}\n`;
  if (json === "-") process.stdout.write(report);
  else {
    if (throughput.length > 0) process.stdout.write(`\n${asText(throughputTable(throughput))}`);
    if (firstBytes.length > 0) process.stdout.write(`\n${asText(firstByteTable(firstBytes))}`);
    if (json !== undefined) await writeFile(json, report);
  }
  return firstBytes.every(({ fault }) => fault === undefined);
}

async function allFirstBytes(options: ConnectOptions, line: ProgressLine): Promise<FirstByteResult[]> {
  const { quick, repeats, roundTripsMs, loopback } = options;
  const wanted = PATH_KINDS.filter(({ isQuick }) => isQuick || !quick);
  const obstacle = loopback ? "not wanted" : namespaceObstacle();
  const results: FirstByteResult[] = [];
  const measure = async (place: Place, kinds: readonly PathKind[]) => {
    try {
      const progress = (text: string) => line.show(`${place.roundTripMs} ms there and back, ${text}`);
      const measured = await measureFirstBytes(place, { kinds, repeats, progress });
      line.keep(`first bytes, ${place.roundTripMs} ms there and back, are measured`);
      for (const { path, fault } of measured) if (fault !== undefined) line.keep(`${path}: ${fault}`);
      results.push(...measured);
    } finally {
      await place.close();
    }
  };
  if (obstacle !== undefined) {
    line.keep(`No network namespaces (${obstacle}): the loopback alone, without delays and without NATs`);
    await measure(
      await loopbackPlace(),
      wanted.filter(({ routers }) => routers.every((router) => router === undefined)),
    );
    return results;
  }
  const routers = [...new Set(wanted.flatMap((kind) => kind.routers))];
  for (const roundTripMs of roundTripsMs) {
    const lacking = roundTripMs > 0 ? delayObstacle() : undefined;
    if (lacking === undefined) await measure(await labPlace(roundTripMs, routers), wanted);
    else line.keep(`No delay of ${roundTripMs} ms: ${lacking}`);
  }
  return results;
}
