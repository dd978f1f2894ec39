import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { Socket } from "node:net";
import { encodeHeartbeat, PACKET_TARGET_BYTES } from "@lekt/protocol";
import { afterEach, expect, onTestFinished, test, vi } from "vitest";
import { listening } from "./listening-server.ts";
import { RawClient } from "./raw-client.ts";

const BULK_BYTES = 29_000;
/** More than the kernel keeps for a reader who does not read. */
const CROWD = 300;

afterEach(() => {
  vi.useRealTimers();
});

/** The server's ends of all connections that come from now on. */
function serverSockets(): Socket[] {
  const sockets: Socket[] = [];
  const onSocket = (message: unknown) => sockets.push((message as { socket: Socket }).socket);
  subscribe("net.server.socket", onSocket);
  onTestFinished(() => {
    unsubscribe("net.server.socket", onSocket);
  });
  return sockets;
}

async function untilSo(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setImmediate(resolve));
}

test("a reader that asks for a big roster and stops reading costs little, and is dropped after 30 s", async () => {
  // The server's clock and its wheel stand still until the test moves them; sockets do not.
  vi.useFakeTimers({ toFake: ["performance", "setInterval", "clearInterval"] });
  const { server, port } = await listening({
    tickMs: 0,
    heartbeatIntervalMs: 100_000,
    maxPayloadBytes: BULK_BYTES,
    maxTotalPayloadBytes: 2 * BULK_BYTES,
    maxPublishedBytes: 30_000,
  });
  const alice = await (await RawClient.connect(port)).introduce({ name: "alice", holdMs: 25_000 });
  await alice.beat();
  const crowd = Array.from({ length: CROWD }, async (_, i) =>
    (await RawClient.connect(port)).introduce({ name: `c${i}`, bulkBytes: BULK_BYTES }),
  );
  await Promise.all(crowd);
  const sockets = serverSockets();
  const reader = await RawClient.connect(port, { from: "127.0.0.2" });
  await reader.introduce({ name: "reader" });
  const [serverEnd] = sockets;
  reader.socket.pause();
  reader.send(encodeHeartbeat(0n));
  await untilSo(() => (serverEnd?.writableLength ?? 0) > 0);

  // Of 8.7 MB, so much waits in the server's own memory.
  const waiting = () => serverEnd?.writableLength ?? 0;
  expect(waiting()).toBeLessThanOrEqual(PACKET_TARGET_BYTES);
  for (let i = 0; i < 3; i++) {
    const bob = await (await RawClient.connect(port, { from: "127.0.0.3" })).introduce({ name: `bob${i}` });
    await bob.beat();
  }
  expect((await alice.beat()).slice(-3)).toEqual(["+bob0", "+bob1", "+bob2"]);
  expect(waiting()).toBeLessThanOrEqual(PACKET_TARGET_BYTES);
  expect(waiting()).toBeGreaterThan(0);

  // Its kernel took megabytes at once: a surplus that counts for two windows of 10 s.
  vi.advanceTimersByTime(29_900);
  expect(serverEnd?.destroyed).toBe(false);
  const news = alice.beat();
  vi.advanceTimersByTime(200);
  expect(serverEnd?.destroyed).toBe(true);
  expect(await news).toEqual(["-127.0.0.2"]);
  expect(server.counts.clients).toBe(CROWD + 4);
});
