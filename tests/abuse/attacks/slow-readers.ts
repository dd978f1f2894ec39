import { encodeHeartbeat, PACKET_TARGET_BYTES } from "@lekt/protocol";
import type { RawConnection } from "../../../packages/server/test/raw-connection.ts";
import { type Attack, cut, type Ground, PATIENT } from "../ground.ts";

const READERS = 500;
/** 520 times 2,000 bytes: a megabyte, by the limits that a server has by default. */
const CROWD = { count: 520, bulkBytes: 2_000, network: "megabyte" };
/** Above what any connection holds: its place in the snapshot and the slice that waits, which it shares. */
const MAX_READER_BYTES = 8_192;

async function megabyte(ground: Ground): Promise<RawConnection[]> {
  return Promise.all(
    Array.from({ length: CROWD.count }, async (_, i) =>
      (await ground.connect()).introduce({ ...CROWD, name: `m${i}` }),
    ),
  );
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
  const crowd = await megabyte(ground);
  // So that the snapshot is there before anything is measured: all readers share it.
  const first = await (await ground.connect()).introduce({ network: CROWD.network, watch: true });
  await first.beat();
  const before = await ground.heldBytes();
  const count = ground.scaled(READERS);
  const readers = await Promise.all(Array.from({ length: count }, () => stalledReader(ground)));
  await ground.until(({ waitingBytes }) => waitingBytes > 0, "that something waits");
  const { waitingBytes } = await ground.counts();
  const bytesEach = ((await ground.heldBytes()) - before) / count;
  ground.note("readers", count);
  ground.note("bytes a reader", bytesEach);
  ground.note("bytes waiting for each", waitingBytes / count);
  ground.expect(bytesEach <= MAX_READER_BYTES, `a reader costs ${bytesEach} bytes`);
  ground.expect(waitingBytes <= count * PACKET_TARGET_BYTES, `${waitingBytes} bytes wait`);
  cut([...crowd, ...readers, first].map(({ socket }) => socket));
  await ground.untilAlone();
}

export const SLOW_READERS: readonly Attack[] = [
  { name: "readers of a megabyte that stop", options: PATIENT, run: askAndStop },
];
