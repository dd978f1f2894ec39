import { join } from "node:path";
import { createIdentity, identityFromPem, identityToPem, type LektIdentity } from "@lekt/client";
import { LektError } from "@lekt/protocol";
import { createPrivateFile, readPrivateFile } from "./private-file.ts";

const FILE = "identity.pem";

/**
 * The identity by which peers know this user again. It is made at the first call, and kept.
 * @param path of its file; by default in the folder of the user's configuration
 * @throws LektError `LEKT_OPTION` where the file is damaged, or not private
 */
export async function ownIdentity(folder: string, path = join(folder, FILE)): Promise<LektIdentity> {
  const kept = identityIn(path);
  if (kept) return kept;
  const identity = await createIdentity();
  if (createPrivateFile(path, identityToPem(identity))) return identity;
  // Another command was faster, and there is one identity for both.
  return identityIn(path) ?? identity;
}

function identityIn(path: string): LektIdentity | undefined {
  const pem = readPrivateFile(path);
  if (pem === undefined) return undefined;
  try {
    return identityFromPem(pem);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    const advice = "Restore the file from a copy, or remove it: then a new one is made.";
    throw new LektError("LEKT_OPTION", `${path}: ${why} ${advice}`, { cause });
  }
}
