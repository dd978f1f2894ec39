import { describe, expect, test } from "vitest";
import { listening } from "./listening-server.ts";
import { RawClient } from "./raw-client.ts";

/** Alice holds, and bob is at another address. */
async function aliceAndBob(port: number): Promise<[RawClient, RawClient]> {
  const alice = await (await RawClient.connect(port)).introduce({ name: "alice", holdMs: 25_000 });
  await alice.beat();
  const joined = alice.beat();
  const bob = await RawClient.connect(port, { from: "127.0.0.2", allowHalfOpen: true });
  await bob.introduce({ name: "bob" });
  expect(await joined).toEqual(["+bob"]);
  return [alice, bob];
}

describe("others learn at once of a client", () => {
  test.each<[string, (bob: RawClient) => void]>([
    ["that is killed: its connection is reset", (bob) => bob.socket.resetAndDestroy()],
    ["that closes", (bob) => bob.socket.destroy()],
    ["that ends its side and goes on reading (spec 5.2.2)", (bob) => bob.socket.end()],
    [
      "that is killed while it reads a reply",
      (bob) => {
        void bob.beat().catch(() => {});
        bob.socket.resetAndDestroy();
      },
    ],
  ])("%s", async (_, leave) => {
    const { server, port } = await listening();
    const [alice, bob] = await aliceAndBob(port);
    const news = alice.beat();
    leave(bob);
    expect(await news).toEqual(["-127.0.0.2"]);
    expect(server.counts.clients).toBe(1);
  });
});

test("who ended its side gets the server's end, too", async () => {
  const { port } = await listening();
  const [, bob] = await aliceAndBob(port);
  bob.socket.end();
  await bob.end();
  expect(bob.error).toBeUndefined();
  expect(bob.rejected).toBeUndefined();
});

test("who sent nothing and ended its side gets the server's end", async () => {
  const { server, port } = await listening();
  const nobody = await RawClient.connect(port, { allowHalfOpen: true });
  nobody.socket.end();
  await nobody.end();
  expect(nobody.bytes).toHaveLength(0);
  await server.drain();
});
