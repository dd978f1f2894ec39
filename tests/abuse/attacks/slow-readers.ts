import { encodeHeartbeat, PACKET_TARGET_BYTES } from "@lekt/protocol";
import type { RawConnection } from "../../../packages/server/test/raw-connection.ts";
import { type Attack, cut, type Ground, NOISE_BYTES, PATIENT, pause } from "../ground.ts";
import { PacedReader } from "../paced-reader.ts";

const READERS = 500;
/** Nine megabytes: the system takes several for a reader that does not read, and only then does the server wait. */
const CROWD = { count: 310, bulkBytes: 29_000, network: "megabytes" };
const BIG_OBJECTS = {
  ...PATIENT,
  maxPayloadBytes: CROWD.bulkBytes,
  maxTotalPayloadBytes: 2 * CROWD.bulkBytes,
  maxPublishedBytes: 30_000,
};
/** What any connection holds, and its place in the snapshot; the slice that waits is shared by all. */
const MAX_READER_BYTES = 8_192;
const PACED_READERS = 20;
/** Least that a reader has to take a second (spec 5.15.3). */
const PACE_BYTES = 4_096;
/** What readers that are too slow may take beyond their pace is gone after three windows of 10 s (spec 5.15.3). */
const DROPPED_WITHIN_MS = 45_000;

/** A network whose roster is long to read. */
async function bigRoster(ground: Ground): Promise<RawConnection[]> {
  const clients = Array.from({ length: CROWD.count }, async (_, i) => {
    const client = await ground.connect();
    return client.introduce({ network: CROWD.network, bulkBytes: CROWD.bulkBytes, name: `m${i}` });
  });
  return Promise.all(clients);
}

/** A reader that asks for everything and reads nothing. */
async function stalledReader(ground: Ground): Promise<RawConnection> {
  const reader = await ground.connect();
  await reader.introduce({ network: CROWD.network, watch: true });
  reader.socket.pause();
  reader.send(encodeHeartbeat(0n));
  return reader;
}

async function askAndStop(ground: Ground): Promise<void> {
  const crowd = await bigRoster(ground);
  // The snapshot, which all readers share, is there before anything is measured.
  const first = await stalledReader(ground);
  await ground.until(({ waitingBytes }) => waitingBytes > 0, "that something waits");
  const before = await ground.heldBytes();
  const count = ground.scaled(READERS);
  const readers = await Promise.all(Array.from({ length: count }, () => stalledReader(ground)));
  const { waitingBytes } = await ground.counts();
  const bytes = (await ground.heldBytes()) - before;
  ground.note("readers", count);
  ground.note("bytes a reader", bytes / count);
  ground.note("bytes waiting for each", waitingBytes / count);
  ground.expect(waitingBytes > 0, "nothing waits for the readers");
  ground.expect(bytes <= count * MAX_READER_BYTES + NOISE_BYTES, `${count} readers cost ${bytes} bytes`);
  ground.expect(waitingBytes <= (count + 1) * PACKET_TARGET_BYTES, `${waitingBytes} bytes wait`);
  if (ground.scale.seconds * 1_000 >= DROPPED_WITHIN_MS) {
    const startMs = performance.now();
    await ground.until(({ waitingBytes }) => waitingBytes === 0, "that they are dropped", DROPPED_WITHIN_MS);
    ground.note("ms until all are dropped", performance.now() - startMs);
  }
  cut([...crowd, ...readers, first].map(({ socket }) => socket));
  await ground.untilAlone();
}

/**
 * They read all the time, at half the pace that is asked for. How fast a reader has to be to stay is for the tests
 * with a link of their own: the system here takes megabytes at once and tells the server late of what was read.
 */
async function paced(ground: Ground): Promise<void> {
  const crowd = await bigRoster(ground);
  const count = ground.scaled(PACED_READERS);
  const readers = await Promise.all(
    Array.from({ length: count }, () => PacedReader.start(ground, CROWD.network, PACE_BYTES / 2)),
  );
  await pause(DROPPED_WITHIN_MS);
  const dropped = readers.filter(({ socket }) => socket.destroyed).length;
  ground.note("readers dropped", dropped);
  ground.expect(dropped === count, `${dropped} of ${count} readers were dropped`);
  cut([...crowd, ...readers].map(({ socket }) => socket));
  await ground.untilAlone();
}

export const SLOW_READERS: readonly Attack[] = [
  { name: "readers of megabytes that stop", options: BIG_OBJECTS, run: askAndStop },
  { name: "readers at half the pace", options: BIG_OBJECTS, run: paced, isLong: true },
];
