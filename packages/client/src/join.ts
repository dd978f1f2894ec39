import type { JoinOptions } from "./join-options.ts";
import { createIdentity } from "./peers/identity.ts";
import { PeerConnections } from "./peers/peer-connections.ts";
import { aborting, JoinedRoom, type Room } from "./room.ts";
import { settingsOf } from "./settings.ts";

/**
 * Joins the network that a URL names, and stays in it: a lost connection is made anew until the room is
 * closed or a server refuses for good.
 *
 * Resolves when the first roster is in: `peers` holds everybody who was there, and events tell what
 * changes from then on.
 *
 * @throws LektError whose `code` says what went wrong (spec/errors.md): `LEKT_URL`, `LEKT_OPTION`,
 * `LEKT_CONNECT`, `LEKT_NOT_LEKT`, a `LEKT_REJECT_…`, `LEKT_ABORTED` and others; where a connection method gets no port,
 * `LEKT_ADDRESS_IN_USE` or `LEKT_LISTEN`.
 */
export async function join(url: string, options: JoinOptions = {}): Promise<Room> {
  const settings = settingsOf(url, await withIdentity(options));
  const { signal } = options;
  if (signal?.aborted) throw aborting(signal);
  const connections = settings.peers && new PeerConnections(settings.peers);
  const published = (await connections?.start()) ?? new Map();
  const offers = new Map([...settings.offers, ...published]);
  const room = new JoinedRoom(url, { ...settings, offers }, signal, connections);
  try {
    await room.joined;
  } catch (error) {
    await room.close();
    throw error;
  }
  return room;
}

/** Who has connection methods needs a key of their own. */
async function withIdentity(options: JoinOptions): Promise<JoinOptions> {
  if (!options.methods?.length || options.identity) return options;
  return { ...options, identity: await createIdentity() };
}
