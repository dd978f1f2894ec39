import { encodeResponse } from "@lekt/protocol";
import { type Attack, cut, type Ground, NOISE_BYTES, PATIENT, pause } from "../ground.ts";

const NETWORKS = 8;
const CLIENTS_EACH = 60;
const BULK = { method: 33, bytes: 1_900 };
const TOTAL_HISTORY_BYTES = 32 * 2 ** 20;
/** Longer than a tick, so that each round is one of its own in the history. */
const ROUND_MS = 25;
/** What a client holds besides the history: its connection, its payloads and its object. */
const MAX_CLIENT_BYTES = 16_384;
/** Enough for more than twice the history that may be kept. */
const ROUNDS = 80;

/** Many networks whose clients replace what they publish again and again: each change is kept for a while. */
async function histories(ground: Ground): Promise<void> {
  const before = await ground.heldBytes();
  const clients = await Promise.all(
    Array.from({ length: NETWORKS * CLIENTS_EACH }, async (_, i) => {
      const client = await ground.connect();
      const network = `history${i % NETWORKS}`;
      return client.introduce({ network, update: true, session: true, bulkBytes: BULK.bytes });
    }),
  );
  for (let round = 0; round < ROUNDS; round++) {
    const update = encodeResponse(BULK.method, Buffer.alloc(BULK.bytes, round));
    for (const client of clients) client.send(update);
    await pause(ROUND_MS);
  }
  const kept = (await ground.heldBytes()) - before;
  ground.note("MiB of changes", (ROUNDS * clients.length * BULK.bytes) / 2 ** 20);
  ground.note("MiB kept", kept / 2 ** 20);
  const most = TOTAL_HISTORY_BYTES + clients.length * MAX_CLIENT_BYTES + NOISE_BYTES;
  ground.expect(kept <= most, `${kept} bytes are kept, and should be ${most} at the most`);
  cut(clients.map(({ socket }) => socket));
  await ground.untilAlone();
}

export const HISTORIES: readonly Attack[] = [
  {
    name: "histories of many networks",
    // No limit of updates a second: it would only make this take longer.
    options: { ...PATIENT, heartbeatsPerSecond: 0, totalHistoryBytes: TOTAL_HISTORY_BYTES },
    run: histories,
  },
];
