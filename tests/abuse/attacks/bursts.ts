import type { Socket } from "node:net";
import { encodeHandshake, METHOD } from "@lekt/protocol";
import { descriptorLimit } from "../../../packages/server/src/descriptor-limit.ts";
import { RawConnection } from "../../../packages/server/test/raw-connection.ts";
import { type Attack, cut, type Ground, NOISE_BYTES, PATIENT } from "../ground.ts";

/** Fewer where the system does not give a process so many descriptors. */
const BURST = Math.min(10_000, descriptorLimit() - 1_024);
const ROUNDS = 2;
/** What a connection may hold on and off the heap; half of it is the socket. What it sends comes on top of that. */
const MAX_CONNECTION_BYTES = 6_144;
/** What may be left of each that is gone, besides noise. */
const MAX_LEFT_BYTES = 64;

/** How the connections of a burst are made. */
type Arrive = (ground: Ground, count: number) => Promise<Socket[]>;

const silent: Arrive = (ground, count) => ground.burst(count);

const withHandshake: Arrive = async (ground, count) => {
  const sockets = await ground.burst(count);
  for (const socket of sockets) socket.write(encodeHandshake(64, [METHOD.name]));
  return sockets;
};

const joined: Arrive = async (ground, count) => {
  const clients = await Promise.all(Array.from({ length: count }, () => ground.connect()));
  await Promise.all(clients.map((client, i) => client.introduce({ network: "burst", name: `b${i}` })));
  return clients.map(({ socket }) => socket);
};

/** Comes, stands for a moment, and is gone at once; again and again, from other addresses each time. */
async function rounds(ground: Ground, arrive: Arrive): Promise<void> {
  const count = ground.scaled(BURST);
  ground.note("connections", count);
  let before = await ground.heldBytes();
  for (let round = 1; round <= ROUNDS; round++) {
    const startMs = performance.now();
    const sockets = await arrive(ground, count);
    await ground.until(({ connections }) => connections >= count, "the burst");
    if (round === 1) {
      ground.note("ms until all are here", performance.now() - startMs);
      const bytes = (await ground.heldBytes()) - before;
      ground.note("bytes a connection", bytes / count);
      ground.expect(
        bytes <= count * MAX_CONNECTION_BYTES + NOISE_BYTES,
        `${count} connections hold ${bytes} bytes`,
      );
    }
    const goneMs = performance.now();
    cut(sockets);
    await ground.untilAlone();
    if (round === 1) ground.note("ms until all are gone", performance.now() - goneMs);
    const after = await ground.heldBytes();
    const left = after - before;
    ground.note(`bytes left of each, round ${round}`, left / count);
    // The first round warms up.
    if (round > 1)
      ground.expect(left <= count * MAX_LEFT_BYTES + NOISE_BYTES, `round ${round} left ${left} bytes`);
    before = after;
  }
}

/** Ten thousand leave a network in which somebody watches: it has to see all of them leave. */
async function crowdLeaves(ground: Ground): Promise<void> {
  const count = ground.scaled(BURST - 1);
  const sockets = await joined(ground, count);
  const watcher = await RawConnection.connect(ground.port, { from: ground.newAddress() });
  await watcher.introduce({ network: "burst", watch: true, holdMs: 25_000, session: true });
  await watcher.beat();
  ground.expect(watcher.roster.length === count, `the watcher saw ${watcher.roster.length} of ${count}`);
  const startMs = performance.now();
  cut(sockets);
  while (watcher.roster.length > 0) await watcher.beat();
  ground.note("ms until all are seen to leave", performance.now() - startMs);
  watcher.socket.destroy();
}

export const BURSTS: readonly Attack[] = [
  { name: "burst that says nothing", options: PATIENT, run: (ground) => rounds(ground, silent) },
  { name: "burst of handshakes", options: PATIENT, run: (ground) => rounds(ground, withHandshake) },
  { name: "burst of clients that join", options: PATIENT, run: (ground) => rounds(ground, joined) },
  { name: "crowd that leaves at once", options: PATIENT, run: crowdLeaves },
];
