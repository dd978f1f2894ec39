import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { fromHex, toHex } from "@lekt/protocol";
import { type FuzzInput, hashOf } from "./fuzz-input.ts";

/** An input that made a target fail, as it is kept in `fuzz/crashes/`. */
export interface Crash {
  readonly target: string;
  readonly input: FuzzInput;
  /** The run that found it. */
  readonly seed: number;
  /** What happened then. */
  readonly error: string;
}

const CRASHES = new URL("../crashes/", import.meta.url);

/** @returns the file. */
export async function keepCrash(crash: Crash): Promise<URL> {
  const { target, input, seed, error } = crash;
  const file = new URL(`${target}-${hashOf(input)}.json`, CRASHES);
  const { splits } = input;
  const fields = { target, bytes: toHex(input.bytes), splits, calls: toHex(input.calls), seed, error };
  await mkdir(CRASHES, { recursive: true });
  await writeFile(file, `${JSON.stringify(fields, undefined, 2).replace(/\[[\s\d,]*\]/, oneLine)}\n`);
  return file;
}

/** As the formatter writes a short list. */
function oneLine(list: string): string {
  return list.replace(/\s+/g, " ").replace("[ ", "[").replace(" ]", "]");
}

export async function readCrash(file: URL | string): Promise<Crash> {
  const fields: unknown = JSON.parse(await readFile(file, "utf8"));
  if (typeof fields !== "object" || fields === null) throw new Error(`${file} holds no crash`);
  const { target, bytes, splits, calls, seed, error } = fields as Record<string, unknown>;
  const input = {
    bytes: fromHex(String(bytes)) ?? new Uint8Array(0),
    splits: Array.isArray(splits) ? splits.map(Number) : [],
    calls: fromHex(String(calls)) ?? new Uint8Array(0),
  };
  return { target: String(target), input, seed: Number(seed), error: String(error) };
}

/** All crashes that are kept: each was a bug once. */
export async function keptCrashes(): Promise<{ name: string; crash: Crash }[]> {
  const names = (await readdir(CRASHES).catch(() => [])).filter((name) => name.endsWith(".json")).sort();
  return Promise.all(names.map(async (name) => ({ name, crash: await readCrash(new URL(name, CRASHES)) })));
}
