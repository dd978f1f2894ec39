import { join } from "node:path";
import { formatLektUrl, fromHex, IDENTITY_BYTES, LektError, parseLektUrl, toHex } from "@lekt/protocol";
import { readPrivateFile, writePrivateFile } from "./private-file.ts";

const FILE = "known-peers.json";
/** Who was met longest ago is forgotten first. */
export const MAX_KNOWN_PEERS = 10_000;

/** In which network (see `networkOf`) somebody had which name and identity. */
interface KnownPeer {
  readonly network: string;
  readonly name: string;
  /** 64 hex digits. */
  readonly identity: string;
}

export type Acquaintance =
  | { readonly type: "new" }
  | { readonly type: "known" }
  /** Somebody else had this name before: a new machine, or an impostor. */
  | { readonly type: "changed"; readonly before: Uint8Array };

/** Who had which name: first use is remembered, and a change is told (spec 9.1). */
export class KnownPeers {
  readonly #path: string;

  /** @param folder of the user's configuration */
  constructor(folder: string) {
    this.#path = join(folder, FILE);
  }

  /** @throws LektError `LEKT_OPTION` where the file is damaged, before anything is done */
  check(): void {
    this.#read();
  }

  /** @throws LektError `LEKT_OPTION` where the file is damaged: silence about a change would be worse. */
  acquaintance(network: string, name: string, identity: Uint8Array): Acquaintance {
    const known = this.#read().find((peer) => peer.network === network && peer.name === name);
    if (!known) return { type: "new" };
    if (known.identity === toHex(identity)) return { type: "known" };
    return { type: "changed", before: fromHex(known.identity) ?? new Uint8Array(0) };
  }

  /** From now on this identity has the name. @throws LektError `LEKT_OPTION` */
  remember(network: string, name: string, identity: Uint8Array): void {
    const others = this.#read().filter((peer) => peer.network !== network || peer.name !== name);
    const peers = [...others, { network, name, identity: toHex(identity) }].slice(-MAX_KNOWN_PEERS);
    writePrivateFile(this.#path, `[\n${peers.map((peer) => JSON.stringify(peer)).join(",\n")}\n]\n`);
  }

  #read(): readonly KnownPeer[] {
    const text = readPrivateFile(this.#path);
    if (text === undefined) return [];
    const peers = jsonOf(text);
    if (Array.isArray(peers) && peers.every(isKnownPeer)) return peers;
    throw new LektError(
      "LEKT_OPTION",
      `${this.#path} is damaged. Mend it, or remove it: then all peers count as new.`,
    );
  }
}

/** How a network is called here, however its URL is spelled; without what is behind a #. @throws LektError `LEKT_URL` */
export function networkOf(url: string): string {
  return formatLektUrl({ ...parseLektUrl(url), fragment: undefined });
}

function isKnownPeer(value: unknown): value is KnownPeer {
  if (typeof value !== "object" || value === null) return false;
  const { network, name, identity } = value as Record<keyof KnownPeer, unknown>;
  if (typeof network !== "string" || typeof name !== "string" || typeof identity !== "string") return false;
  return fromHex(identity)?.length === IDENTITY_BYTES;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
