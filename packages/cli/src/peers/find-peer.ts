import type { Peer, Room } from "@lekt/client";
import { identityText, LektError, safeText, toHex } from "@lekt/protocol";
import { WaitedInVain } from "../failure.ts";
import type { Note } from "./notes.ts";
import { isIdentity } from "./peer-gate.ts";

/**
 * The peer with this name or identity, as soon as it is there; that it is waited for is told.
 * @throws LektError `LEKT_OPTION` where two peers bear the name; `LEKT_ABORTED`; `WaitedInVain`
 */
export async function findPeer(
  room: Room,
  wanted: string,
  timeoutMs: number,
  signal: AbortSignal,
  note: Note,
): Promise<Peer> {
  const found = peerIn(room.peers, wanted);
  if (found) return found;
  note(`Waiting for ${wanted}, up to ${timeoutMs / 1_000} s. There ${namesOf(room.peers)}.`);
  const timeout = AbortSignal.timeout(timeoutMs);
  try {
    for await (const _ of room.events({ signal: AbortSignal.any([timeout, signal]) })) {
      const peer = peerIn(room.peers, wanted);
      if (peer) return peer;
    }
  } catch (error) {
    if (!timeout.aborted || signal.aborted) throw error;
  }
  if (signal.aborted) throw new LektError("LEKT_ABORTED", `Stopped before ${safeText(wanted)} came.`);
  throw new WaitedInVain(
    `Waited ${timeoutMs / 1_000} s for ${safeText(wanted)}, and it did not come. There ${namesOf(room.peers)}.`,
  );
}

/** @throws LektError `LEKT_OPTION` where two peers bear the name */
export function peerIn(peers: readonly Peer[], wanted: string): Peer | undefined {
  const reachable = peers.filter(({ identity, stale }) => identity && !stale);
  if (isIdentity(wanted)) {
    return reachable.find(({ identity }) => {
      const forms = identity ? [toHex(identity), identityText(identity)] : [];
      return forms.includes(wanted.toLowerCase());
    });
  }
  const bearers = reachable.filter(({ name }) => name === safeText(wanted));
  const identities = new Set(bearers.map(({ identity }) => toHex(identity as Uint8Array)));
  if (identities.size <= 1) return bearers[0];
  const list = bearers.map(({ identity }) => identityText(identity as Uint8Array)).join(", ");
  throw new LektError(
    "LEKT_OPTION",
    `${bearers.length} peers are named ${safeText(wanted)}: ${list}. Say which by its identity instead of its name.`,
  );
}

/** "is ada", "are ada, bob" */
export function namesOf(peers: readonly Peer[]): string {
  const names = peers.flatMap(({ name, identity }) => (identity ? [name ?? identityText(identity)] : []));
  if (names.length === 0) return "is nobody who can be connected to";
  const shown = names.slice(0, 10).join(", ");
  return `${names.length === 1 ? "is" : "are"} ${shown}${names.length > 10 ? " and others" : ""}`;
}
