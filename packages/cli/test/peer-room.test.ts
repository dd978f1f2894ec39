import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createIdentity, join as joinRoom, type Room } from "@lekt/client";
import { relay } from "@lekt/methods/relay";
import { tcp } from "@lekt/methods/tcp";
import { createServer, type LektServer, type ServerOptions } from "@lekt/server";
import { beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { PeerRoom } from "../src/peers/peer-room.ts";
import { PING_LABEL } from "../src/peers/ping-label.ts";
import { RunningLekt } from "./lekt-process.ts";

let env: Record<string, string>;

beforeEach(() => {
  env = { XDG_CONFIG_HOME: mkdtempSync(join(tmpdir(), "lekt-room-")) };
  onTestFinished(() => rmSync(env["XDG_CONFIG_HOME"] as string, { recursive: true, force: true }));
});

async function listening(options: ServerOptions): Promise<LektServer> {
  const server = createServer({ host: "127.0.0.1", stun: false, ...options });
  await server.listen();
  onTestFinished(() => server.close());
  return server;
}

/** What is written to stderr, and not shown. */
function stderrLines(): readonly string[] {
  const told: string[] = [];
  const spy = vi.spyOn(process.stderr, "write").mockImplementation((text) => told.push(`${text}`) > 0);
  onTestFinished(() => spy.mockRestore());
  return told;
}

describe("lekt ping that is stopped", () => {
  it.each<[string, (room: Room, reached: () => void) => void, string]>([
    [
      "while it connects",
      (room, reached) =>
        room.onConnection(PING_LABEL, () => {}, {
          accept: () => {
            reached();
            return new Promise(() => {});
          },
        }),
      "Stopped before ada was connected.",
    ],
    [
      "while it waits for an answer",
      (room, reached) => room.onConnection(PING_LABEL, (stream) => stream.once("data", reached)),
      "Stopped before an answer came.",
    ],
  ])("%s ends at once, and says so", async (_, answer, words) => {
    const server = await listening({ port: 0 });
    const { port } = server.address as { port: number };
    const url = `lekt://127.0.0.1:${port}`;
    const room = await joinRoom(url, { name: "ada", identity: await createIdentity(), methods: [relay()] });
    onTestFinished(() => room.close());
    const reached = new Promise<void>((resolve) => answer(room, resolve));
    const ping = new RunningLekt(["ping", url, "ada", "--allow", "anyone", "--methods", "relay"], env);
    await reached;
    const { code, stderr } = await ping.end("SIGINT");
    expect(stderr).toContain(words);
    expect(code).toBe(1);
  });
});

describe("a command that is there until it is stopped", () => {
  it("ends where the server does not want it back", async () => {
    stderrLines();
    const server = await listening({ port: 0 });
    const { port } = server.address as { port: number };
    await using joined = await PeerRoom.join(`lekt://127.0.0.1:${port}`, { methods: ["relay"] }, env);
    const ending = joined.untilStopped();
    await server.close();
    await listening({ port, authorize: () => ({ refuse: "not any more" }) });
    await expect(ending).rejects.toMatchObject({ code: "LEKT_REJECT_AUTH" });
    // Also for who asks late.
    await expect(joined.untilStopped()).rejects.toMatchObject({ code: "LEKT_REJECT_AUTH" });
  });

  it("does not end before what is connected has, where the server does not want it back", async () => {
    const told = stderrLines();
    const server = await listening({ port: 0 });
    const { port } = server.address as { port: number };
    const url = `lekt://127.0.0.1:${port}`;
    await using joined = await PeerRoom.join(url, { methods: ["tcp"], allow: ["anyone"], name: "ada" }, env);
    joined.onConnection("echo", (stream) => void stream.pipe(stream));
    const room = await joinRoom(url, { identity: await createIdentity(), methods: [tcp()] });
    onTestFinished(() => room.close());
    const stream = await room.connect(joined.identity.fingerprint, { label: "echo" });
    let isOver = false;
    const ending = joined.untilStopped().finally(() => {
      isOver = true;
    });
    const ended = expect(ending).rejects.toMatchObject({ code: "LEKT_REJECT_AUTH" });
    await server.close();
    await listening({ port, authorize: () => ({ refuse: "not any more" }) });
    await expect.poll(() => told.join("")).toMatch(/not any more.*What is connected goes on/);
    stream.write("still here");
    expect(`${(await once(stream, "data"))[0]}`).toBe("still here");
    expect(isOver).toBe(false);
    stream.end();
    await ended;
  });

  it("tells once that the server is away, and that it is back", async () => {
    const told = stderrLines();
    const server = await listening({ port: 0 });
    const { port } = server.address as { port: number };
    await using joined = await PeerRoom.join(`lekt://127.0.0.1:${port}`, { methods: ["relay"] }, env);
    await server.close();
    await expect.poll(() => joined.room.status.attempt).toBeGreaterThan(1);
    await listening({ port });
    await expect.poll(() => joined.room.status.state).toBe("online");
    expect(told).toEqual([
      expect.stringMatching(/^lekt: The connection to the server is gone, and is being made again\. ./),
      "lekt: The server is back.\n",
    ]);
  });

  it("tells who is there where a peer that will be wanted is not", async () => {
    const told = stderrLines();
    const server = await listening({ port: 0 });
    const { port } = server.address as { port: number };
    const url = `lekt://127.0.0.1:${port}`;
    const ada = await joinRoom(url, { name: "ada", identity: await createIdentity(), methods: [relay()] });
    onTestFinished(() => ada.close());
    await using joined = await PeerRoom.join(url, { methods: ["relay"] }, env);
    joined.noteIfAbsent("ada");
    joined.noteIfAbsent("games");
    expect(told).toEqual(["lekt: games is not there yet. There is ada.\n"]);
  });

  it("ends well where it is stopped before the server has answered", async () => {
    const silent = createTcpServer().listen(0, "127.0.0.1");
    onTestFinished(() => void silent.close());
    await once(silent, "listening");
    const { port } = silent.address() as AddressInfo;
    const args = ["receive", `lekt://127.0.0.1:${port}`, "--allow", "anyone", "--dir", tmpdir()];
    const receiver = new RunningLekt(args, env);
    const [socket] = await once(silent, "connection");
    socket.on("error", () => {});
    expect(await receiver.end("SIGTERM")).toMatchObject({ code: 0, stderr: "" });
  });
});
