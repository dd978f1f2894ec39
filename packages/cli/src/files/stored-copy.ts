import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { lstat, open } from "node:fs/promises";
import { join } from "node:path";
import { numberedName } from "./file-names.ts";
import { hashInto } from "./file-part.ts";
import { MAX_SAME_NAMES } from "./incoming-file.ts";

/** @returns the name of the same file with the same content, where it is there: as after a break of a whole folder. */
export async function storedCopy(
  folder: string,
  name: string,
  size: number,
  sha256: string,
): Promise<string | undefined> {
  for (let number = 1; number <= MAX_SAME_NAMES; number++) {
    const candidate = numberedName(name, number);
    const facts = await lstat(join(folder, candidate)).catch(() => undefined);
    if (!facts) return undefined;
    if (!facts.isFile() || facts.size !== size) continue;
    if ((await checksumOf(join(folder, candidate))) === sha256) return candidate;
  }
  return undefined;
}

async function checksumOf(path: string): Promise<string> {
  await using handle = await open(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0));
  const hash = createHash("sha256");
  await hashInto(hash, handle);
  return hash.digest("hex");
}
