import { once } from "node:events";
import { encodeHandshake, encodeHeartbeat, encodeResponse, METHOD } from "@lekt/protocol";
import type { RawConnection } from "../../../packages/server/test/raw-connection.ts";
import { type Attack, type Ground, PATIENT } from "../ground.ts";

/** Connections of each kind in each phase. */
const EACH = 100;
/** Longer than what any packet that was begun still lacks. */
const GARBAGE = Buffer.alloc(8_192, 0xaa);

type Arrive = (client: RawConnection, ground: Ground) => Promise<unknown>;

const watch = (client: RawConnection, ground: Ground, holdMs?: number) =>
  client.introduce({ network: ground.network, watch: true, ...(holdMs !== undefined && { holdMs }) });

/** Brings a connection into each phase, and stops in the middle of something. */
const PHASES: Readonly<Record<string, Arrive>> = {
  "before the first byte": async () => {},
  "in the middle of the magic": async (client) => client.send(Buffer.from("LE")),
  "in the middle of the handshake": async (client) =>
    client.send(encodeHandshake(64, [METHOD.name]).subarray(0, 14)),
  "before the first answer": async (client) => {
    client.send(encodeHandshake(64, [METHOD.name]));
    await client.until(() => client.asked.length === 1);
  },
  "in the middle of an answer": async (client) => {
    client.send(encodeHandshake(64, [METHOD.token]));
    await client.until(() => client.asked.length === 1);
    client.send(encodeResponse(METHOD.token, new Uint8Array(4_096)).subarray(0, 100));
  },
  "before the first heartbeat": (client, ground) => watch(client, ground),
  "in the middle of a heartbeat": async (client, ground) => {
    await watch(client, ground);
    client.send(encodeHeartbeat(0n).subarray(0, 11));
  },
  "between two heartbeats": async (client, ground) => {
    await watch(client, ground);
    await client.beat();
  },
  "while a reply is held": async (client, ground) => {
    await watch(client, ground, 25_000);
    await client.beat();
    client.send(encodeHeartbeat(0n));
  },
  "after a Reject": async (client) => {
    client.send(Uint8Array.of(0));
    await client.until(() => client.rejected !== undefined);
  },
};

/** How a connection ends. @returns what was wrong with that, or undefined. */
type End = (client: RawConnection, phase: string) => Promise<string | undefined>;

const reset: End = async ({ socket }) => {
  socket.resetAndDestroy();
  await once(socket, "close");
  return undefined;
};

const halfClose: End = async (client) => {
  client.socket.end();
  await client.end();
  return client.error?.message;
};

const garbage: End = async (client) => {
  client.send(GARBAGE);
  await client.end();
  client.socket.end();
  if (client.error) return client.error.message;
  const word = client.rejected?.word;
  return word === "malformed" ? undefined : `the Reject ${word}`;
};

async function inAllPhases(ground: Ground, end: End): Promise<void> {
  const each = ground.scaled(EACH);
  for (const [phase, arrive] of Object.entries(PHASES)) {
    const ends = Array.from({ length: each }, async () => {
      const client = await ground.connect();
      await arrive(client, ground);
      return end(client, phase);
    });
    const faults = (await Promise.all(ends)).filter((fault) => fault !== undefined);
    ground.expect(faults.length === 0, `${phase}: ${faults.length} times ${faults[0]}`);
  }
  ground.note("connections", each * Object.keys(PHASES).length);
  await ground.untilAlone();
}

export const BROKEN_OFF: readonly Attack[] = Object.entries({
  "resets in every phase": reset,
  "half-closes in every phase": halfClose,
  "garbage in every phase": garbage,
}).map(([name, end]) => ({ name, options: PATIENT, run: (ground) => inAllPhases(ground, end) }));
