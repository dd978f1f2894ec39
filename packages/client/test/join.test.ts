import {
  decodeHold,
  encodeUtf8,
  METHOD,
  PROTOCOL_VERSION,
  REJECT_WORDS,
  rejectErrorCode,
} from "@lekt/protocol";
import type { ScriptedSetup } from "@lekt/testkit";
import { describe, expect, test } from "vitest";
import { join } from "../src/index.ts";
import { clientObject, named } from "./roster-objects.ts";
import { serve, signalled } from "./servers.ts";

describe("joining", () => {
  test("the first roster is in, and is no news", async () => {
    const server = await serve(async (client) => {
      const { object } = await client.setup();
      await client.heartbeat();
      client.tell({ you: { address: "127.0.0.1", port: 1 }, heartbeatSeconds: 10, relay: null, stun: [] });
      client.reply({ added: [named("ann"), object, named("bob")] });
    });
    await using room = await join(server.url, { name: "me" });
    expect(room.peers.map(({ name }) => name)).toEqual(["ann", "bob"]);
    expect(room.self).toMatchObject({ name: "me", ip: "127.0.0.1", stale: false });
    expect(room.status).toEqual({ state: "online", attempt: 1 });
    expect(room.url).toBe(server.url);
    expect(room.server).toEqual({
      version: "1.0.0",
      address: `127.0.0.1:${server.port}`,
      you: { address: "127.0.0.1", port: 1 },
      heartbeatSeconds: 10,
      relay: null,
      stun: [],
    });
  });

  test("a network key is not shown", async () => {
    const server = await serve(async (client) => {
      await client.setup();
      await client.heartbeat();
      client.reply({ added: [] });
    });
    await using room = await join(`${server.url}/a#key=${"A".repeat(43)}`);
    expect(room.url).toBe(`${server.url}/a`);
  });

  test("only what is set is sent", async () => {
    const setups: ScriptedSetup[] = [];
    const server = await serve(async (client) => {
      const setup = await client.setup();
      setups.push(setup);
      await client.heartbeat();
      client.reply({ added: [setup.object] });
    });
    await using _first = await join(server.url);
    await using _second = await join(`${server.url}/caf%C3%A9`, {
      name: "me",
      token: "secret",
      watch: true,
      holdMs: 0,
      payloads: new Map([[64, Uint8Array.of(1)]]),
    });
    const always = [METHOD.server, METHOD.resume, METHOD.update, METHOD.session];
    expect(setups[0]?.methods).toEqual([METHOD.hold, ...always]);
    expect(decodeHold(setups[0]?.answers.get(METHOD.hold) as Uint8Array)).toBe(25_000);
    const { network, token, name, watch } = METHOD;
    const numerically = (a: number, b: number) => a - b;
    expect(setups[1]?.methods).toEqual([network, token, name, watch, 64, ...always].sort(numerically));
    expect(setups[1]?.answers.get(network)).toEqual(encodeUtf8("café"));
    expect(setups[1]?.answers.get(token)).toEqual(encodeUtf8("secret"));
  });

  test("a server that asks for nothing", async () => {
    const server = await serve(async (client) => {
      await client.setup(() => false);
      await client.heartbeat();
      client.reply({ added: [clientObject("127.0.0.1")] });
    });
    await using room = await join(server.url, { name: "me" });
    expect(room.self).toMatchObject({ name: undefined, ip: "127.0.0.1" });
    expect(room.peers).toEqual([]);
  });

  test("a watcher sees and has no entry", async () => {
    const server = await serve(async (client) => {
      await client.setup();
      await client.heartbeat();
      client.reply({ added: [named("ann")] });
    });
    await using room = await join(server.url, { watch: true });
    expect(room.self).toBe(undefined);
    expect(room.peers).toHaveLength(1);
  });

  test("a watcher on a server that knows nothing of watching is seen, and no peer of itself", async () => {
    const server = await serve(async (client) => {
      const { object } = await client.setup((method) => method !== METHOD.watch);
      await client.heartbeat();
      client.reply({ added: [object] });
    });
    await using room = await join(server.url, { watch: true, name: "looker" });
    expect(room.peers).toEqual([]);
    expect(room.self?.name).toBe("looker");
  });

  test("identical twins: one of them is oneself", async () => {
    const server = await serve(async (client) => {
      const { object } = await client.setup();
      await client.heartbeat();
      client.tell({ you: { address: "127.0.0.1", port: 1 } });
      client.reply({ added: [object, object] });
    });
    await using room = await join(server.url, { name: "me" });
    expect(room.self?.name).toBe("me");
    expect(room.peers.map(({ name }) => name)).toEqual(["me"]);
    expect(room.peers[0]?.id).not.toBe(room.self?.id);
  });

  test("a plain server that ends no reply: what came is the roster", async () => {
    const server = await serve(async (client) => {
      const { object } = await client.setup((method) => method === METHOD.tcp);
      await client.heartbeat();
      client.update({ added: [named("ann"), object] });
    });
    await using room = await join(server.url, { name: "me", tcp: 4_000, heartbeatIntervalMs: 500 });
    expect(room.peers.map(({ name }) => name)).toEqual(["ann"]);
    expect(room.self).toMatchObject({ tcp: { port: 4_000 } });
    expect(room.server).toEqual({ version: "1.0.0", address: `127.0.0.1:${server.port}` });
  });

  test("words and texts of the server are made safe", async () => {
    const server = await serve(async (client) => {
      const { object } = await client.setup();
      await client.heartbeat();
      client.tell({ you: { address: "\u001b[2J", port: 1 }, relay: "a\u202eb", stun: ["\u200b", 5] });
      client.reply({ added: [object] });
    });
    await using room = await join(server.url);
    expect(room.server).toMatchObject({ relay: "a\\u{202e}b", stun: ["\\u{200b}"] });
    expect(room.server?.you).toBe(undefined);
  });
});

describe("joining in vain", () => {
  test.each(["lekts://127.0.0.1", "ws://127.0.0.1", "nonsense", "lekt://127.0.0.1/#x=y"])(
    "%s",
    async (url) => {
      await expect(join(url)).rejects.toMatchObject({ code: "LEKT_URL" });
    },
  );

  test("a bad option", async () => {
    await expect(join("lekt://127.0.0.1", { name: "" })).rejects.toMatchObject({ code: "LEKT_OPTION" });
  });

  test("nobody listens", async () => {
    const server = await serve();
    await server.close();
    await expect(join(server.url)).rejects.toMatchObject({
      code: "LEKT_CONNECT",
      message: expect.stringMatching(
        new RegExp(
          `^Could not connect to 127\\.0\\.0\\.1:${server.port}: connection refused\\. Start a server`,
        ),
      ),
    });
  });

  test.each(REJECT_WORDS.filter((word) => word !== "moved"))("Reject %s", async (word) => {
    const server = await serve((client) => client.reject(word, "be\u001bcause"));
    await expect(join(server.url)).rejects.toMatchObject({
      code: rejectErrorCode(word),
      message: `The server refused: ${word}: be\\u{1b}cause`,
    });
    expect(server.connections).toBe(1);
  });

  test("Reject with a word that is not known", async () => {
    const text = encodeUtf8("later: \u202eword\0");
    const server = await serve((client) =>
      client.send(Uint8Array.of(0x4c, 0x45, 0x4b, 0x54, 0x52, 1, 0, 0, ...text)),
    );
    await expect(join(server.url)).rejects.toMatchObject({
      code: "LEKT_REJECT_UNKNOWN",
      message: "The server refused: later: \\u{202e}word",
    });
  });

  test.each([
    ["another protocol", "HTTP/1.1 400 Bad Request\r\n\r\n", "LEKT_NOT_LEKT"],
    ["garbage", "\u0000\u0001", "LEKT_NOT_LEKT"],
    ["another version", "LEKTA\u0002\u0000\u0000", "LEKT_VERSION"],
    ["an unknown packet in the setup", "LEKTA\u0001\u0000\u0000LEKTX\u0001\u0000\u0000", "LEKT_PROTOCOL"],
    [
      "a request for what was not offered",
      "LEKTA\u0001\u0000\u0000LEKTT\u0001\u0000\u0000\u0000\u0000\u0000\u0009",
      "LEKT_PROTOCOL",
    ],
  ])("%s, also where the server is waited for", async (_, bytes, code) => {
    const server = await serve((client) => client.send(Buffer.from(bytes, "latin1")));
    const joining = join(server.url, { waitForServer: true });
    await expect(joining).rejects.toMatchObject({ code });
  });

  test("garbage where updates should be", async () => {
    const server = await serve(async (client) => {
      await client.setup();
      client.send(encodeUtf8("LEKTH garbage of a kind"));
    });
    await expect(join(server.url)).rejects.toMatchObject({ code: "LEKT_PROTOCOL" });
  });

  test("more peers than are taken", async () => {
    const server = await serve(async (client) => {
      await client.setup();
      await client.heartbeat();
      client.reply({ added: [named("a"), named("b"), named("c")] });
    });
    await expect(join(server.url, { maxPeers: 2 })).rejects.toMatchObject({ code: "LEKT_ROSTER_LIMIT" });
  });

  test.each([
    ["at once", () => {}],
    [
      "in the setup",
      (client: { send(bytes: Uint8Array): void }) => client.send(encodeUtf8("LEKTA\u0001\0\0")),
    ],
  ])("silence %s", async (_, script) => {
    const server = await serve((client) => script(client));
    await expect(join(server.url, { setupTimeoutMs: 50 })).rejects.toMatchObject({
      code: "LEKT_TIMEOUT",
      message: expect.stringContaining(`127.0.0.1:${server.port}`),
    });
  });

  test("silence instead of a roster", async () => {
    const server = await serve(async (client) => {
      await client.setup();
    });
    const joining = join(server.url, { heartbeatIntervalMs: 50, holdMs: 0 });
    await expect(joining).rejects.toMatchObject({ code: "LEKT_TIMEOUT" });
  });

  test.each(["cut", "end"] as const)("the connection is %s at any point", async (how) => {
    for (const phase of ["connection", "setup", "roster"]) {
      const server = await serve(async (client) => {
        if (phase !== "connection") await client.setup();
        if (phase === "roster") client.update({ added: [named("ann")] });
        if (how === "cut") client.cut();
        else client.socket.end();
      });
      // A reset may be there before the connection is.
      const code = expect.stringMatching(phase === "connection" ? /^LEKT_CONNECT/ : /^LEKT_CONNECTION_LOST$/);
      await expect(join(server.url)).rejects.toMatchObject({ code });
    }
  });
});

describe("waiting for the server", () => {
  test("keeps trying", async () => {
    const welcome = signalled();
    const server = await serve(
      (client) => client.cut(),
      (client) => client.reject("limit", "full"),
      async (client) => {
        welcome.resolve();
        const { object } = await client.setup();
        await client.heartbeat();
        client.reply({ added: [object] });
      },
    );
    await using room = await join(server.url, { waitForServer: true, backoffBaseMs: 1 });
    await welcome.promise;
    expect(server.connections).toBe(3);
    expect(room.status).toEqual({ state: "online", attempt: 3 });
  });

  test("not after a Reject that is final", async () => {
    const server = await serve((client) => client.reject("auth", "no"));
    const joining = join(server.url, { waitForServer: true });
    await expect(joining).rejects.toMatchObject({ code: "LEKT_REJECT_AUTH" });
  });
});

test("versions of which only minor and extra differ", async () => {
  const server = await serve(async (client) => {
    const packet = await client.next();
    expect(packet).toMatchObject({ type: "handshake", version: PROTOCOL_VERSION });
    client.send(Uint8Array.of(0x4c, 0x45, 0x4b, 0x54, 0x41, 1, 7, 9));
    client.ready();
    await client.heartbeat();
    client.reply();
  });
  await using room = await join(server.url, { watch: true });
  expect(room.server?.version).toBe("1.7.9");
});
