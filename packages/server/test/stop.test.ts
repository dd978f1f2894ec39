import { describe, expect, test } from "vitest";
import { VirtualServer } from "./virtual-server.ts";

describe("a server that stops", () => {
  test("tells everybody, in every phase, and nothing after that", () => {
    const server = new VirtualServer();
    const fresh = server.connect();
    const joined = server.join({ name: "joined" });
    const held = server.settled({ name: "held", holdMs: 25_000 });
    held.beat();
    const watcher = server.settled({ watch: true });
    server.heart.stop();
    for (const client of [fresh, joined, held, watcher]) {
      expect(client.rejected?.word).toBe("shutdown");
      expect(client.link.ended).toBe(true);
      client.beat();
    }
    // The link throws where something is written behind the end.
    server.advance(500);
    expect(server.heart.clients).toBe(0);
    expect(server.heart.networks).toBe(0);
  });

  test("tells nobody twice, nor those who were refused before", () => {
    const server = new VirtualServer();
    const refused = server.connect();
    refused.send(Uint8Array.of(0));
    const alice = server.settled({ name: "alice" });
    server.heart.stop();
    server.heart.stop();
    expect(refused.rejected?.word).toBe("malformed");
    expect(alice.link.packets.filter(({ type }) => type === "reject")).toHaveLength(1);
  });

  test("refuses newcomers with the same word", () => {
    const server = new VirtualServer();
    server.heart.stop();
    expect(server.connect().rejected?.word).toBe("shutdown");
  });

  test("is rid of those who do not go within a second", () => {
    const server = new VirtualServer();
    const alice = server.settled({ name: "alice" });
    server.heart.stop();
    server.advance(1_050);
    expect(alice.link.destroyed).toBe(true);
    expect(server.heart.connections).toBe(0);
  });

  test("lets nobody in whose authorization comes too late", async () => {
    const server = new VirtualServer({ authorize: () => Promise.resolve(undefined) });
    const alice = server.join({ name: "alice" });
    server.heart.stop();
    await new Promise((resolve) => setImmediate(resolve));
    expect(alice.admitted).toBe(false);
    expect(server.heart.clients).toBe(0);
  });
});

test("a server that is destroyed cuts everybody off without a word", () => {
  const server = new VirtualServer();
  const [fresh, alice] = [server.connect(), server.settled({ name: "alice" })];
  const before = alice.link.packets.length;
  server.heart.destroy();
  server.advance(0);
  expect(fresh.link).toMatchObject({ destroyed: true, packets: [] });
  expect(alice.link.destroyed).toBe(true);
  expect(alice.link.packets).toHaveLength(before);
  expect(server.heart).toMatchObject({ clients: 0, networks: 0, connections: 0 });
});
