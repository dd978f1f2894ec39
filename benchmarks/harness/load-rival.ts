import type { Rival } from "./rival.ts";

/** @param url of a module that exports `rival`. */
export async function loadRival(url: string): Promise<Rival> {
  const { rival } = (await import(url)) as { readonly rival: Rival };
  return rival;
}
