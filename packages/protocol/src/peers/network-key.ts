import { decodeBase64Url, encodeBase64Url } from "../base64url.ts";
import { concatBytes } from "../bytes.ts";
import { encodeUtf8 } from "../utf8.ts";
import type { PeerRole } from "./preamble.ts";

/** The secret that all peers of a network share and that no server sees (spec 9.4). */
export const NETWORK_KEY_BYTES = 32;

const PROOF_CONTEXT = encodeUtf8("lekt network key");

/** What the HMAC-SHA256 of a proof is made over, with the network key as its key (spec 9.4). */
export function proofMessage(dialing: Uint8Array, accepting: Uint8Array, prover: PeerRole): Uint8Array {
  const role = Uint8Array.of(prover === "dialing" ? 0 : 1);
  return concatBytes([PROOF_CONTEXT, dialing, accepting, role]);
}

/** The fragment of a URL to pass on. It is a secret. */
export function networkKeyFragment(networkKey: Uint8Array): string {
  return `key=${encodeBase64Url(networkKey)}`;
}

/** @returns undefined where the text is no network key. */
export function parseNetworkKey(text: string): Uint8Array | undefined {
  const bytes = decodeBase64Url(text);
  return bytes?.length === NETWORK_KEY_BYTES ? bytes : undefined;
}
