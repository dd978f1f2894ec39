import type { Endpoint, Target } from "@lekt/protocol";
import { type NaiveAddress, naiveAddress } from "./naive-address.ts";

/* Whom a peer may make a client send to, by the table of spec 9.5.4. */

/** Of each line of the table, in one attempt. */
const MOST = 8;

export interface NaiveQuestion {
  readonly peerAddress: string | undefined;
  readonly ownPublicAddress: string | undefined;
  readonly ownLocalAddress: string | undefined;
}

export interface NaiveNetwork {
  readonly peer: NaiveAddress | undefined;
  readonly own: NaiveAddress | undefined;
  readonly local: NaiveAddress | undefined;
}

export function networkOf({ peerAddress, ownPublicAddress, ownLocalAddress }: NaiveQuestion): NaiveNetwork {
  const judged = (text: string | undefined) => (text === undefined ? undefined : naiveAddress(text));
  return { peer: judged(peerAddress), own: judged(ownPublicAddress), local: judged(ownLocalAddress) };
}

/** Which line of the table allows an address, if any. */
export function lineOf(
  address: NaiveAddress | undefined,
  { peer, own, local }: NaiveNetwork,
): "no" | Target["reach"] {
  if (!address || address.kind === "never") return "no";
  const isHere = own?.kind === "loopback" && local?.kind === "loopback";
  if (address.number === peer?.number) return address.kind === "loopback" && !isHere ? "no" : "roster";
  if (address.kind === "loopback") return "no";
  if (address.kind === "other") return "other";
  return peer && peer.number === own?.number ? "private" : "no";
}

/** Eight of each line at the most (of the roster's address as well), one port of each address in the line "other". */
export function naiveTargets(candidates: readonly Endpoint[], network: NaiveNetwork): Set<string> {
  const targets = new Set<string>();
  const others = new Set<bigint>();
  const counts = { roster: 0, private: 0, other: 0 };
  for (const { address: text, port } of candidates) {
    const address = naiveAddress(text);
    const line = lineOf(address, network);
    if (!address || line === "no" || port % 1 !== 0 || port < 1 || port > 65_535) continue;
    const key = `${address.number} ${port}`;
    if (targets.has(key) || counts[line] === MOST || (line === "other" && others.has(address.number)))
      continue;
    targets.add(key);
    counts[line]++;
    if (line === "other") others.add(address.number);
  }
  return targets;
}
