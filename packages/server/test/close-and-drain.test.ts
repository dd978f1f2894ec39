import { encodeHandshake } from "@lekt/protocol";
import { describe, expect, test } from "vitest";
import { createServer } from "../src/create-server.ts";
import { listening } from "./listening-server.ts";
import { RawClient } from "./raw-client.ts";

/** One client in each phase; the last one has a heartbeat that is held. */
async function clientsInEveryPhase(port: number): Promise<RawClient[]> {
  const [silent, inSetup, joined, held] = await Promise.all([
    RawClient.connect(port),
    RawClient.connect(port),
    RawClient.connect(port),
    RawClient.connect(port),
  ]);
  inSetup.send(encodeHandshake(64, [20]));
  await inSetup.until(() => inSetup.asked.length > 0);
  await joined.introduce({ name: "joined" });
  await held.introduce({ name: "held", holdMs: 25_000 });
  await held.beat();
  void held.beat().catch(() => {});
  return [silent, inSetup, joined, held];
}

describe("drain", () => {
  test("tells everybody, in order, and then ends", async () => {
    const { server, port } = await listening();
    const clients = await clientsInEveryPhase(port);
    const drained = server.drain();
    await Promise.all(clients.map((client) => client.end()));
    for (const client of clients) {
      expect(client.rejected?.word).toBe("shutdown");
      expect(client.error).toBeUndefined();
    }
    await drained;
    expect(server.counts).toEqual({ clients: 0, networks: 0 });
  });

  test("takes no newcomers from its beginning on", async () => {
    const { server, port } = await listening();
    const alice = await RawClient.connect(port, { allowHalfOpen: true });
    const drained = server.drain();
    await alice.end();
    expect(server.address).toBeUndefined();
    await expect(RawClient.connect(port)).rejects.toThrow("ECONNREFUSED");
    alice.socket.end();
    await drained;
  });

  test("does not wait for ever for a client that stays", async () => {
    const { server, port } = await listening();
    const stays = await RawClient.connect(port, { allowHalfOpen: true });
    await server.drain();
    expect(stays.rejected?.word).toBe("shutdown");
    expect(server.counts.clients).toBe(0);
  });

  test("can be cut short by close", async () => {
    const { server, port } = await listening();
    const stays = await RawClient.connect(port, { allowHalfOpen: true });
    const drained = server.drain();
    await stays.end();
    await Promise.all([server.close(), drained]);
    expect(server.counts.clients).toBe(0);
  });

  test("of a server that nobody visits, or that never listened, is over at once", async () => {
    await (await listening()).server.drain();
    const never = createServer({ port: 0 });
    await Promise.all([never.drain(), never.drain(), never.close()]);
  });
});

describe("close", () => {
  test("cuts everybody off without a word", async () => {
    const { server, port } = await listening();
    const clients = await clientsInEveryPhase(port);
    await server.close();
    await Promise.all(clients.map((client) => client.end()));
    for (const client of clients) expect(client.rejected).toBeUndefined();
    await expect(RawClient.connect(port)).rejects.toThrow("ECONNREFUSED");
  });

  test("leaves the port to the next server at once", async () => {
    const { server, port } = await listening();
    await (await RawClient.connect(port)).introduce({ name: "alice" });
    await server.close();
    const next = await listening({ port });
    expect(next.port).toBe(port);
    const bob = await (await RawClient.connect(port)).introduce({ name: "bob" });
    expect(await bob.beat()).toEqual(["+bob"]);
  });

  test("may be called as often as one likes", async () => {
    const { server, port } = await listening();
    await RawClient.connect(port);
    await Promise.all([server.close(), server.close()]);
    await server.close();
  });
});
