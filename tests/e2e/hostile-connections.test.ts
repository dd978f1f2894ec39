import { once } from "node:events";
import { pipeline } from "node:stream/promises";
import { encodeHandshake, encodeHeartbeat, encodeResponse, METHOD } from "@lekt/protocol";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { RawClient } from "../../packages/server/test/raw-client.ts";
import { Bystanders } from "./bystanders.ts";
import { expectReject } from "./reject-of.ts";

let bystanders: Bystanders;

beforeAll(async () => {
  bystanders = await Bystanders.start();
});
afterEach(() => bystanders.expectUndisturbed());
afterAll(() => bystanders.close());

const watcher = () => ({ network: bystanders.network, watch: true });

/** Brings a connection into each phase, and stops in the middle of something. */
const PHASES: readonly (readonly [string, (client: RawClient) => Promise<unknown> | undefined])[] = [
  ["before the first byte", () => undefined],
  [
    "in the middle of the magic",
    async (client) => {
      client.send(Buffer.from("LE"));
    },
  ],
  [
    "in the middle of the handshake",
    async (client) => {
      client.send(encodeHandshake(64, [METHOD.name]).subarray(0, 14));
    },
  ],
  [
    "before the first answer",
    async (client) => {
      client.send(encodeHandshake(64, [METHOD.name]));
      await client.until(() => client.asked.length === 1);
    },
  ],
  [
    "in the middle of an answer",
    async (client) => {
      client.send(encodeHandshake(64, [METHOD.token]));
      await client.until(() => client.asked.length === 1);
      client.send(encodeResponse(METHOD.token, new Uint8Array(4_096)).subarray(0, 100));
    },
  ],
  ["before the first heartbeat", (client) => client.introduce(watcher())],
  [
    "in the middle of a heartbeat",
    async (client) => {
      await client.introduce(watcher());
      client.send(encodeHeartbeat(0n).subarray(0, 11));
    },
  ],
  [
    "between two heartbeats",
    async (client) => {
      await client.introduce(watcher());
      await client.beat();
    },
  ],
  [
    "while a reply is held",
    async (client) => {
      await client.introduce({ ...watcher(), holdMs: 25_000 });
      await client.beat();
      client.send(encodeHeartbeat(0n));
    },
  ],
  [
    "after a Reject",
    async (client) => {
      client.send(Uint8Array.of(0));
      await client.until(() => client.rejected !== undefined);
    },
  ],
];

describe.each(PHASES)("%s", (_, arrive) => {
  const clients = () => bystanders.server.counts.clients;

  test("a connection may be reset", async () => {
    const client = await RawClient.connect(bystanders.port, { allowHalfOpen: true });
    await arrive(client);
    client.socket.resetAndDestroy();
    await once(client.socket, "close");
  });

  test("a connection may be half closed, and gets its end", async () => {
    const client = await RawClient.connect(bystanders.port, { allowHalfOpen: true });
    await arrive(client);
    client.socket.end();
    await client.end();
    expect(client.error).toBeUndefined();
    expect(clients()).toBe(2);
  });
});

describe("a flood", () => {
  /** Sends the piece so often, as fast as the server takes it, until it hangs up. */
  async function flood(client: RawClient, times: number, piece: Uint8Array): Promise<void> {
    const pieces = function* () {
      for (let i = 0; i < times; i++) yield piece;
    };
    await pipeline(pieces, client.socket, { end: false }).catch(() => {});
  }

  test("of garbage is thrown away, and does not last", async () => {
    const client = await RawClient.connect(bystanders.port, { allowHalfOpen: true });
    // 6 GB: more than the second in which the server still reads is enough for.
    await flood(client, 100_000, Buffer.alloc(65_536, "garbage "));
    expect(client.socket.destroyed).toBe(true);
    expect(client.rejected?.word).toBe("malformed");
  });

  test("of heartbeats ends in a Reject", async () => {
    const client = await (await RawClient.connect(bystanders.port)).introduce(watcher());
    await flood(client, 5_000, encodeHeartbeat(0n));
    await expectReject(client, "rate");
  });
});

test("500 connections at once are served, and their sudden end is borne", async () => {
  const crowd = await Promise.all(
    Array.from({ length: 500 }, async (_, i) => {
      const client = await RawClient.connect(bystanders.port, { from: `127.0.1.${i % 250}` });
      await client.introduce(watcher());
      return client;
    }),
  );
  expect(bystanders.server.counts.clients).toBe(502);
  await Promise.all(crowd.map((client) => client.beat()));
  for (const client of crowd) expect(client.roster).toEqual(["alice", "bob"]);
  for (const client of crowd) client.socket.resetAndDestroy();
});
