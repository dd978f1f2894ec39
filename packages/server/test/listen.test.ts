import { once } from "node:events";
import { connect } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { createServer, type LektServer } from "../src/create-server.ts";
import { listening } from "./listening-server.ts";
import { RawClient } from "./raw-client.ts";

function fresh(options: Parameters<typeof createServer>[0]): LektServer {
  const server = createServer(options);
  onTestFinished(() => server.close());
  return server;
}

describe("a server", () => {
  test("says where it listens, and who is there", async () => {
    const { server, port } = await listening();
    expect(server.address).toEqual({ host: "127.0.0.1", port });
    expect(port).toBeGreaterThan(0);
    expect(server.counts).toEqual({ clients: 0, networks: 0 });
    const alice = await (await RawClient.connect(port)).introduce({ name: "alice", network: "n" });
    await (await RawClient.connect(port)).introduce({ watch: true });
    expect(server.counts).toEqual({ clients: 2, networks: 2 });
    await alice.beat();
    await server.close();
    expect(server.address).toBeUndefined();
    expect(server.counts).toEqual({ clients: 0, networks: 0 });
  });

  test.each([{ port: 0 }, { port: 0, host: "localhost" }])(
    "that is closed before it listens never does: %o",
    async (options) => {
      const server = createServer(options);
      const listened = server.listen();
      const expected = expect(listened).rejects.toMatchObject({ code: "LEKT_CLOSED" });
      await server.close();
      await expected;
      expect(server.address).toBeUndefined();
    },
  );

  test("listens once: not again, and not after it was closed", async () => {
    const { server } = await listening();
    await expect(server.listen()).rejects.toMatchObject({ code: "LEKT_LISTEN", message: /already/ });
    await server.close();
    await expect(server.listen()).rejects.toMatchObject({ code: "LEKT_LISTEN", message: /was closed/ });
    expect(server.address).toBeUndefined();
  });

  test("whose port was taken may try again", async () => {
    const first = await listening();
    const second = fresh({ port: first.port, host: "127.0.0.1" });
    await expect(second.listen()).rejects.toMatchObject({ code: "LEKT_ADDRESS_IN_USE" });
    await first.server.close();
    await second.listen();
    expect(second.address?.port).toBe(first.port);
  });

  test("has no address before it listens", () => {
    expect(fresh({ port: 0 }).address).toBeUndefined();
  });

  test("listens for IPv4 and IPv6 unless told otherwise", async () => {
    const server = fresh({ port: 0 });
    await server.listen();
    for (const host of ["127.0.0.1", "::1"]) {
      const client = await RawClient.connect(server.address?.port ?? 0, { host });
      await client.introduce({});
      expect(await client.beat()).not.toEqual([]);
    }
  });

  test("listens where it is told, and nowhere else", async () => {
    const { port } = await listening({ host: "::1" });
    await (await RawClient.connect(port, { host: "::1" })).introduce({});
    await expect(RawClient.connect(port, { host: "127.0.0.1" })).rejects.toThrow("ECONNREFUSED");
  });
});

describe("a port that is taken", () => {
  test("is told as LEKT_ADDRESS_IN_USE, with the address and what to do", async () => {
    const { port } = await listening();
    const error = await fresh({ host: "127.0.0.1", port })
      .listen()
      .catch((e: unknown) => e);
    expect(error).toMatchObject({ name: "LektError", code: "LEKT_ADDRESS_IN_USE" });
    expect((error as Error).message).toMatch(new RegExp(`127\\.0\\.0\\.1, port ${port}: .*another port`));
  });

  test("leaves the one that has it alone, and can be had when it is free", async () => {
    const { server, port } = await listening();
    const alice = await (await RawClient.connect(port)).introduce({ name: "alice" });
    const second = fresh({ host: "127.0.0.1", port });
    await expect(second.listen()).rejects.toMatchObject({ code: "LEKT_ADDRESS_IN_USE" });
    expect(await alice.beat()).toEqual(["+alice"]);
    await server.close();
    await second.listen();
    await (await RawClient.connect(port)).introduce({ name: "bob" });
  });
});

test.each(["203.0.113.1", "2001:db8::1", "no-such-host.invalid"])(
  "a host that this machine is not is told as LEKT_LISTEN: %s",
  async (host) => {
    const server = fresh({ host, port: 0 });
    const error = await server.listen().catch((e: unknown) => e);
    expect(error).toMatchObject({ name: "LektError", code: "LEKT_LISTEN" });
    expect((error as Error).message).toContain(host);
    expect(server.address).toBeUndefined();
  },
);

test("a connection that is gone before it was looked at does no harm", async () => {
  const { server, port } = await listening();
  for (let i = 0; i < 50; i++)
    connect(port, "127.0.0.1")
      .on("error", () => {})
      .resetAndDestroy();
  const sockets = Array.from({ length: 50 }, () => connect(port, "127.0.0.1").on("error", () => {}));
  await Promise.all(
    sockets.map(async (socket) => {
      await once(socket, "connect");
      socket.resetAndDestroy();
    }),
  );
  const alice = await (await RawClient.connect(port)).introduce({ name: "alice" });
  expect(await alice.beat()).toEqual(["+alice"]);
  expect(server.counts.clients).toBe(1);
});
