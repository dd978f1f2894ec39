import { encodeHandshake, encodeHeartbeat } from "@lekt/protocol";
import type { ServerOptions } from "@lekt/server";
import { describe, expect, onTestFinished, test } from "vitest";
import type { Person } from "../../packages/server/test/person.ts";
import { RawClient } from "../../packages/server/test/raw-client.ts";
import { Bystanders } from "./bystanders.ts";
import { expectReject } from "./reject-of.ts";

async function beside(options: ServerOptions): Promise<Bystanders> {
  const bystanders = await Bystanders.start(options);
  onTestFinished(() => bystanders.close());
  return bystanders;
}

const BYSTANDER = "bystanders";

async function introduced(bystanders: Bystanders, person: Person, from = "127.0.0.1"): Promise<RawClient> {
  return (await RawClient.connect(bystanders.port, { from })).introduce(person);
}

/** Expects that this person is refused, with this word, at the end of the setup. */
async function expectRefused(bystanders: Bystanders, person: Person, word: string): Promise<void> {
  const client = await RawClient.connect(bystanders.port);
  await client.introduce(person).catch(() => {});
  await expectReject(client, word);
}

describe("limit (spec/errors.md)", () => {
  const watcher: Person = { network: BYSTANDER, watch: true };

  test.each<[string, ServerOptions]>([
    ["the network is full", { maxClientsPerNetwork: 3 }],
    ["too many clients of one address", { maxClientsPerAddress: 3 }],
  ])("%s", async (_, options) => {
    const bystanders = await beside(options);
    const third = await introduced(bystanders, watcher);
    await expectRefused(bystanders, watcher, "limit");
    third.socket.resetAndDestroy();
    await third.end();
    await bystanders.expectUndisturbed();
  });

  test("the server is full", async () => {
    const bystanders = await beside({ maxClients: 3 });
    const third = await introduced(bystanders, { name: "elsewhere" });
    const fourth = await RawClient.connect(bystanders.port);
    fourth.send(encodeHandshake(0, []));
    await expectReject(fourth, "limit");
    third.socket.end();
    await third.end();
    await bystanders.expectUndisturbed();
  });

  test("all payloads together are too long", async () => {
    const bystanders = await beside({ maxTotalPayloadBytes: 300 });
    await expectRefused(bystanders, { token: "x".repeat(200), bulkBytes: 101 }, "limit");
    await bystanders.expectUndisturbed();
  });
});

describe("rate", () => {
  test("too many heartbeats", async () => {
    const bystanders = await beside({});
    const client = await introduced(bystanders, { network: BYSTANDER, watch: true });
    client.send(...Array.from({ length: 1_000 }, () => encodeHeartbeat(0n)));
    await expectReject(client, "rate");
    await bystanders.expectUndisturbed();
  });

  test("too many connections from one address", async () => {
    const bystanders = await beside({ maxConnectionsPerSecond: 10 });
    const crowd = await Promise.all(
      Array.from({ length: 100 }, () => RawClient.connect(bystanders.port, { from: "127.0.0.2" })),
    );
    await Promise.race(crowd.map((client) => client.end()));
    const refused = crowd.filter((client) => client.ended && client.rejected);
    expect(refused.length).toBeGreaterThan(0);
    for (const client of refused) await expectReject(client, "rate");
    for (const client of crowd) client.socket.destroy();
    await bystanders.expectUndisturbed();
  });
});

describe("timeout", () => {
  test.each<[string, Uint8Array]>([
    ["nothing comes", new Uint8Array(0)],
    ["the setup is not finished", encodeHandshake(20, [20])],
  ])("%s", async (_, bytes) => {
    const bystanders = await beside({ setupTimeoutMs: 1_500 });
    const client = await RawClient.connect(bystanders.port);
    client.send(bytes);
    await expectReject(client, "timeout");
    await bystanders.expectUndisturbed();
  });

  test("no heartbeat comes", async () => {
    const bystanders = await beside({ heartbeatIntervalMs: 600 });
    const client = await introduced(bystanders, { network: BYSTANDER, watch: true });
    await client.beat();
    await expectReject(client, "timeout");
    await bystanders.expectUndisturbed();
  });

  test("the client is too far behind", async () => {
    const bystanders = await beside({ historyBytes: 32_768 });
    const elsewhere: Person = { network: "elsewhere" };
    const behind = await introduced(bystanders, elsewhere);
    await behind.beat();
    for (let i = 0; i < 40; i++) {
      const talker = await introduced(bystanders, { ...elsewhere, bulkBytes: 2_000 });
      await talker.beat();
    }
    behind.send(encodeHeartbeat(0n));
    await expectReject(behind, "timeout");
    await bystanders.expectUndisturbed();
  });
});

describe("auth", () => {
  test("there is no default network", async () => {
    const bystanders = await beside({ defaultNetwork: false });
    await expectRefused(bystanders, { name: "mallory" }, "auth");
    await bystanders.expectUndisturbed();
  });

  test("the operator refuses", async () => {
    const bystanders = await beside({
      authorize: ({ network }) => (network === BYSTANDER ? undefined : { refuse: "only bystanders" }),
    });
    await expectRefused(bystanders, { name: "mallory" }, "auth");
    await bystanders.expectUndisturbed();
  });
});

test("internal: the operator's rule fails", async () => {
  const bystanders = await beside({
    authorize: ({ network }) => {
      if (network !== BYSTANDER) throw new Error("broken rule");
      return undefined;
    },
  });
  await expectRefused(bystanders, { name: "mallory" }, "internal");
  await bystanders.expectUndisturbed();
});

test("shutdown: everybody is told, the bystanders too", async () => {
  const bystanders = await beside({});
  const client = await introduced(bystanders, { name: "last" });
  const drained = bystanders.server.drain();
  await expectReject(client, "shutdown");
  await Promise.all(bystanders.rooms.map((room) => room.close()));
  await drained;
  expect(bystanders.server.counts.clients).toBe(0);
});
