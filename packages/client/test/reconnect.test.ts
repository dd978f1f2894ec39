import { type ClientPacket, encodeAccept, encodeRequest, METHOD } from "@lekt/protocol";
import { type ScriptedClient, ScriptedServer, type ScriptedSetup } from "@lekt/testkit";
import { describe, expect, onTestFinished, test } from "vitest";
import { join, tcpDial } from "../src/index.ts";
import { RoomLog } from "./room-log.ts";
import { named } from "./roster-objects.ts";
import { serve, signalled } from "./servers.ts";

const FAST = { name: "me", backoffBaseMs: 1, backoffCapMs: 5 } as const;

/** Setup and a first roster of these and the client itself. */
async function welcome(client: ScriptedClient, ...names: readonly string[]): Promise<ScriptedSetup> {
  const setup = await client.setup();
  await client.heartbeat();
  client.tell({ you: { address: "127.0.0.1", port: 1 } });
  client.reply({ added: [...names.map((name) => named(name)), setup.object] });
  return setup;
}

describe("a lost connection", () => {
  test("what is replaced while the next one is being set up is told on it", async () => {
    const cut = signalled();
    const answered = signalled();
    const replaced = signalled();
    const told = signalled<ClientPacket>();
    const server = await serve(
      async (client) => {
        await welcome(client);
        await cut.promise;
        client.cut();
      },
      async (client) => {
        await client.next();
        client.send(encodeAccept(), encodeRequest(METHOD.data), encodeRequest(METHOD.update));
        for (let i = 0; i < 2; i++) await client.next();
        answered.resolve();
        await replaced.promise;
        client.ready();
        await client.heartbeat();
        told.resolve(await client.next());
      },
    );
    await using room = await join(server.url, { ...FAST, data: Uint8Array.of(1) });
    cut.resolve();
    await answered.promise;
    expect(room.update({ data: Uint8Array.of(2) })).toBe(false);
    replaced.resolve();
    expect(await told.promise).toMatchObject({
      type: "response",
      method: METHOD.data,
      payload: Uint8Array.of(2),
    });
  });

  test("who is missing afterwards is stale, then back or left; the same is no news", async () => {
    const cut = signalled();
    const more = signalled();
    const server = await serve(
      async (client) => {
        await welcome(client, "ann", "bob", "cid");
        await cut.promise;
        client.cut();
      },
      async (client) => {
        await welcome(client, "ann");
        await more.promise;
        client.reply({ added: [named("bob")] });
      },
    );
    await using room = await join(server.url, { ...FAST, staleGraceMs: 1_500 });
    const log = new RoomLog(room);
    const [ann] = room.peers;
    cut.resolve();
    await log.until("waiting LEKT_CONNECTION_LOST");
    expect(room.peers.map(({ name, stale }) => [name, stale])).toEqual([
      ["ann", false],
      ["bob", false],
      ["cid", false],
    ]);
    expect(room.self?.name).toBe("me");
    expect(await log.peersUntil("synced")).toEqual(["stale bob", "stale cid"]);
    expect(room.peers.map(({ name, stale }) => [name, stale])).toEqual([
      ["ann", false],
      ["bob", true],
      ["cid", true],
    ]);
    expect(room.peers[0]).toBe(ann);
    more.resolve();
    expect(await log.peersUntil("left cid")).toEqual(["back bob", "left cid"]);
    expect(room.peers.map(({ name, stale }) => [name, stale])).toEqual([
      ["ann", false],
      ["bob", false],
    ]);
  });

  test("nobody leaves while there is no connection, however long that takes", async () => {
    const first = await serve(async (client) => {
      await welcome(client, "ann");
      client.cut();
    });
    const { port } = first;
    await using room = await join(first.url, { ...FAST, staleGraceMs: 1 });
    const log = new RoomLog(room);
    await first.close();
    await log.until("waiting LEKT_CONNECT");
    const attempts = [await log.until("connecting LEKT_CONNECT"), await log.until("connecting LEKT_CONNECT")];
    expect(attempts.flat().filter((line) => line.includes("ann"))).toEqual([]);
    expect(room.peers.map(({ name }) => name)).toEqual(["ann"]);
    expect(room.status.attempt).toBeGreaterThan(1);

    const second = await ScriptedServer.listen([async (client) => void (await welcome(client, "ann"))], port);
    onTestFinished(() => second.close());
    expect(await log.peersUntil("synced")).toEqual([]);
    expect(room.status).toMatchObject({ state: "online" });
  });

  test("a reply that is cut off is thrown away", async () => {
    const cut = signalled();
    const server = await serve(
      async (client) => {
        await welcome(client, "ann");
        await client.heartbeat();
        client.update({ removed: ["192.0.2.1"], added: [named("bob")] });
        await cut.promise;
        client.socket.end();
      },
      async (client) => void (await welcome(client, "ann")),
    );
    await using room = await join(server.url, FAST);
    const log = new RoomLog(room);
    cut.resolve();
    expect(await log.peersUntil("synced")).toEqual([]);
    expect(room.peers.map(({ name }) => name)).toEqual(["ann"]);
  });

  test("one that ends in the middle of a packet", async () => {
    const cut = signalled();
    const server = await serve(
      async (client) => {
        await welcome(client, "ann");
        client.send(Uint8Array.of(0x4c, 0x45, 0x4b));
        await cut.promise;
        client.socket.end();
      },
      async (client) => void (await welcome(client, "ann", "bob")),
    );
    await using room = await join(server.url, FAST);
    const log = new RoomLog(room);
    cut.resolve();
    expect(await log.peersUntil("synced")).toEqual(["joined bob"]);
  });

  test("garbage from a server that was a good one, and another service in its place", async () => {
    const go = signalled();
    const server = await serve(
      async (client) => {
        await welcome(client, "ann");
        await go.promise;
        client.socket.write("garbage");
      },
      (client) => void client.socket.end("HTTP/1.1 502 Bad Gateway\r\n"),
      async (client) => void (await welcome(client, "ann")),
    );
    await using room = await join(server.url, FAST);
    const log = new RoomLog(room);
    go.resolve();
    await log.until("waiting LEKT_PROTOCOL");
    await log.until("waiting LEKT_NOT_LEKT");
    expect(await log.peersUntil("synced")).toEqual([]);
  });

  test("a server that falls silent", async () => {
    const server = await serve(
      async (client) => {
        await welcome(client, "ann");
      },
      async (client) => void (await welcome(client, "ann")),
    );
    await using room = await join(server.url, { ...FAST, heartbeatIntervalMs: 400, holdMs: 10 });
    const log = new RoomLog(room);
    await log.until("waiting LEKT_TIMEOUT");
    expect(await log.peersUntil("synced")).toEqual([]);
  });

  test("a plain server: its updates take effect without an end", async () => {
    const server = await serve(async (client) => {
      const { object } = await client.setup((method) => method === METHOD.name);
      await client.heartbeat();
      client.update({ added: [named("ann"), object] });
      await client.heartbeat();
      client.update({ added: [named("bob", "192.0.2.2")] });
      await client.heartbeat();
      client.update({ removed: ["192.0.2.1"] });
    });
    await using room = await join(server.url, { ...FAST, heartbeatIntervalMs: 400 });
    const log = new RoomLog(room);
    expect(await log.peersUntil("left ann")).toEqual(["joined bob", "left ann"]);
    expect(room.self?.name).toBe("me");
  });
});

describe("a Reject in the heartbeat phase", () => {
  test.each(["limit", "rate", "timeout", "shutdown", "internal"] as const)(
    "%s: tries again",
    async (word) => {
      const go = signalled();
      const server = await serve(
        async (client) => {
          await welcome(client, "ann");
          await go.promise;
          client.reject(word, "why");
        },
        async (client) => void (await welcome(client, "ann")),
      );
      await using room = await join(server.url, FAST);
      const log = new RoomLog(room);
      go.resolve();
      await log.until(`waiting LEKT_REJECT_${word.toUpperCase()}`);
      expect(await log.peersUntil("synced")).toEqual([]);
    },
  );

  test.each(["version", "malformed", "auth", "kicked", "replaced"] as const)("%s: gives up", async (word) => {
    const go = signalled();
    const server = await serve(async (client) => {
      await welcome(client, "ann");
      await go.promise;
      client.reject(word, "why");
    });
    const room = await join(server.url, FAST);
    const code = `LEKT_REJECT_${word.toUpperCase()}`;
    const log = new RoomLog(room);
    const states: string[] = [];
    const reading = (async () => {
      for await (const event of room) if (event.type === "status") states.push(event.status.state);
    })();
    go.resolve();
    await log.until(`closed ${code}`);
    await expect(reading).rejects.toMatchObject({ code });
    expect(states).toEqual(["closed"]);
    expect(room.status).toMatchObject({ state: "closed", error: { code } });
    expect(room.peers.map(({ name }) => name)).toEqual(["ann"]);
    expect(() => room.on(() => {})).toThrow(expect.objectContaining({ code: "LEKT_CLOSED" }));
    await expect(room.events().next()).rejects.toMatchObject({ code });
    await room.close();
    await room.drain();
    expect(server.connections).toBe(1);
  });
});

describe("Reject moved", () => {
  test("while joining, through three servers; own options and the network's name go along", async () => {
    let setup: ScriptedSetup | undefined;
    const last = await serve(async (client) => {
      setup = await welcome(client, "ann");
    });
    const third = await serve((client) => client.reject("moved", `${last.url}/other`));
    const second = await serve((client) => client.reject("moved", third.url));
    const first = await serve((client) => client.reject("moved", second.url));
    await using room = await join(`${first.url}/net`, { name: "me", token: "secret" });
    expect(room.peers.map(({ name }) => name)).toEqual(["ann"]);
    expect(room.server?.address).toBe(`127.0.0.1:${last.port}`);
    expect(Buffer.from(setup?.answers.get(METHOD.network) ?? []).toString()).toBe("other");
    expect(Buffer.from(setup?.answers.get(METHOD.token) ?? []).toString()).toBe("secret");
  });

  test("in a circle: LEKT_MOVED_TOO_OFTEN", async () => {
    const server: ScriptedServer = await serve((client) => client.reject("moved", server.url));
    await expect(join(server.url)).rejects.toMatchObject({ code: "LEKT_MOVED_TOO_OFTEN" });
    expect(server.connections).toBe(4);
  });

  test.each(["lekts://127.0.0.1", "not a URL \u202e"])("to %s: gives up", async (url) => {
    const server = await serve((client) => client.reject("moved", url));
    await expect(join(server.url)).rejects.toMatchObject({
      code: "LEKT_REJECT_MOVED",
      message: expect.not.stringMatching("\u202e"),
    });
  });

  test("later: peers that are there, too, are no news", async () => {
    const go = signalled();
    const other = await serve(async (client) => void (await welcome(client, "ann", "bob")));
    const server = await serve(async (client) => {
      await welcome(client, "ann");
      await go.promise;
      client.reject("moved", other.url);
    });
    await using room = await join(server.url, FAST);
    const log = new RoomLog(room);
    go.resolve();
    expect(await log.peersUntil("synced")).toEqual(["joined bob"]);
  });
});

describe("a token", () => {
  const elsewhere = "203.0.113.7";
  /** Dials the scripted server, and says that this is another address. */
  const disguised = (port: number) => {
    const dial = tcpDial();
    return async (target: Parameters<typeof dial>[0]) => {
      const stream = await dial({ ...target, host: "127.0.0.1", port });
      return Object.defineProperty(stream, "remoteAddress", { value: elsewhere });
    };
  };

  test("does not leave this machine, whatever the name says", async () => {
    let bytes = 0;
    const server = await serve(async (client) => {
      client.socket.on("data", (chunk: Buffer) => {
        bytes += chunk.length;
      });
    });
    for (const host of ["localhost", elsewhere]) {
      const joining = join(`lekt://${host}`, { token: "secret", dial: disguised(server.port) });
      await expect(joining).rejects.toMatchObject({
        code: "LEKT_TOKEN_INSECURE",
        message: expect.stringContaining(`${host}:15358`),
      });
    }
    expect(bytes).toBe(0);
    // Where the URL has the address, nothing is dialled at all.
    expect(server.connections).toBe(1);
  });

  test("unless that is allowed", async () => {
    const server = await serve(async (client) => void (await welcome(client)));
    const dial = disguised(server.port);
    await using room = await join(`lekt://${elsewhere}`, { token: "secret", dial, allowInsecureToken: true });
    expect(room.status.state).toBe("online");
  });

  test("and even then follows no move to another host", async () => {
    const server = await serve(
      (client) => client.reject("moved", "lekt://b.example"),
      async (client) => void (await welcome(client)),
    );
    const dial = disguised(server.port);
    const joining = join("lekt://a.example", { token: "secret", dial, allowInsecureToken: true });
    await expect(joining).rejects.toMatchObject({ code: "LEKT_TOKEN_INSECURE" });
    await using room = await join("lekt://b.example", { token: "secret", dial, allowInsecureToken: true });
    expect(room.status.state).toBe("online");
  });
});
