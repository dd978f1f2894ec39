import { fromHex, LektError } from "@lekt/protocol";
import { fileOfFlag } from "./flag-values.ts";

const KEY_BYTES = 32;

/** The key that server and relay share: 64 hex digits, white space at the ends does not count. */
export function relayKeyOf(flag: string, path: string): Uint8Array {
  const key = fromHex(new TextDecoder().decode(fileOfFlag(flag, path)).trim());
  if (key?.length === KEY_BYTES) return key;
  throw new LektError(
    "LEKT_OPTION",
    `The file '${path}' of ${flag} must hold ${2 * KEY_BYTES} hex digits. Make one with: openssl rand -hex ${KEY_BYTES}`,
  );
}
