import { encodeHandshake, encodeHeartbeat, encodeResponse, METHOD } from "@lekt/protocol";
import type { RawConnection } from "../../../packages/server/test/raw-connection.ts";
import type { Attack, Ground } from "../ground.ts";

const WRITERS = 3_000;
/** Less than a packet within the deadlines below. */
const BYTE_EVERY_MS = 700;
/** A heartbeat may take three intervals. */
const STRICT = { setupTimeoutMs: 8_000, heartbeatIntervalMs: 3_000 };

/** Brings the client so far, and gives the packet of which it sends a byte now and then. */
type Begin = (client: RawConnection, ground: Ground) => Promise<Uint8Array>;

const PHASES: readonly Begin[] = [
  async () => encodeHandshake(64, [METHOD.name]),
  async (client) => {
    client.send(encodeHandshake(64, [METHOD.name]));
    await client.until(() => client.asked.length === 1);
    return encodeResponse(METHOD.name, new Uint8Array(60).fill(65));
  },
  async (client, { network }) => {
    await client.introduce({ network, watch: true });
    return encodeHeartbeat(0n);
  },
];

/** A byte now and then, until the server has had enough. */
async function trickle(client: RawConnection, packet: Uint8Array): Promise<void> {
  let sent = 0;
  const timer = setInterval(() => {
    if (sent < packet.length - 1) client.send(packet.subarray(sent, ++sent));
  }, BYTE_EVERY_MS);
  await client.end();
  clearInterval(timer);
  client.socket.end();
}

async function slowWriters(ground: Ground): Promise<void> {
  const count = ground.scaled(WRITERS);
  const clients: RawConnection[] = [];
  const writers = Array.from({ length: count }, async (_, i) => {
    const client = await ground.connect();
    clients.push(client);
    const begin = PHASES[i % PHASES.length] as Begin;
    await trickle(client, await begin(client, ground));
  });
  await Promise.all(writers);
  ground.expectAll(clients, "timeout");
  await ground.untilAlone();
}

export const SLOW_WRITERS: readonly Attack[] = [
  { name: "writers of a byte now and then", options: STRICT, run: slowWriters },
];
