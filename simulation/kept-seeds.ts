import { readFile } from "node:fs/promises";

/** A seed that found something once. */
export interface KeptSeed {
  readonly seed: number;
  /** What it found, in a sentence. */
  readonly found: string;
}

export async function keptSeeds(): Promise<readonly KeptSeed[]> {
  return JSON.parse(await readFile(new URL("kept-seeds.json", import.meta.url), "utf8"));
}
