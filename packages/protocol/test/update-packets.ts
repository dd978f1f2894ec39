import { encodeUpdates, type UpdateKind } from "../src/packets/update.ts";

/** The packets of a list, each in memory of its own. */
export function updates(kind: UpdateKind, entries: readonly Uint8Array[], timestamp: bigint): Uint8Array[] {
  const packets: Uint8Array[] = [];
  encodeUpdates(kind, entries, timestamp, (bytes) => {
    packets.push(new Uint8Array(bytes));
    return packets.at(-1) as Uint8Array;
  });
  return packets;
}
