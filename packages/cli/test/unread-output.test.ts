import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { createIdentity, join as joinRoom, type Peer, type Room } from "@lekt/client";
import { tcp } from "@lekt/methods/tcp";
import { beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { FileChannel } from "../src/files/file-channel.ts";
import { FILES_LABEL } from "../src/files/file-messages.ts";
import { FORWARD_LABEL } from "../src/verbs/expose.ts";
import { killAtEnd, LEKT, lekt, RunningLekt, serve } from "./lekt-process.ts";

it("join whose output nobody reads ends in order all the same", async () => {
  const server = await serve();
  const url = `${server.url}/quiet`;
  const child = spawn(process.execPath, [LEKT, "join", url, "--name", "unread"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  killAtEnd(child);
  child.stdout.pause();
  const talker = await joinRoom(url, { name: "talker", data: new Uint8Array(1_000) });
  onTestFinished(() => talker.close());
  await expect.poll(() => talker.peers.map((peer) => peer.name)).toEqual(["unread"]);
  // More than a pipe holds: 2,000 digits each.
  for (let i = 0; i < 100; i++) {
    const data = new Uint8Array(1_000).fill(i + 1);
    talker.update({ data });
    await expect.poll(() => talker.self?.data?.[0]).toBe(i + 1);
  }
  child.kill("SIGTERM");
  expect(await once(child, "exit")).toEqual([0, null]);
  await expect.poll(() => talker.peers).toEqual([]);
  expect((await lekt(["peers", url])).stdout).toContain("talker");
});

describe("a command whose output is full and read by nobody", () => {
  let ground: string;
  let url: string;
  let room: Room;

  beforeEach(async () => {
    ground = mkdtempSync(join(tmpdir(), "lekt-unread-"));
    onTestFinished(() => rmSync(ground, { recursive: true, force: true }));
    const server = await serve();
    url = `${server.url}/quiet#key=${randomBytes(32).toString("base64url")}`;
    // A long one: its lines are long, too.
    const name = "\u200b".repeat(21);
    room = await joinRoom(url, { name, identity: await createIdentity(), methods: [tcp()] });
    onTestFinished(() => room.close());
  });

  /** Its stdout is a pipe that is full already, but for some lines. */
  function startUnread(args: readonly string[]): RunningLekt {
    const shell = 'mkfifo "$0" && exec 7<>"$0" && head -c 64512 /dev/zero >&7 && exec "$@" >&7 7>&-';
    return new RunningLekt([...args, "--name", "unread", "--methods", "tcp"], { XDG_CONFIG_HOME: ground }, [
      "/bin/sh",
      "-c",
      shell,
      join(ground, "full"),
    ]);
  }

  async function unread(): Promise<Peer> {
    await expect.poll(() => room.peers.find(({ name }) => name === "unread")).toBeDefined();
    return room.peers.find(({ name }) => name === "unread") as Peer;
  }

  it("expose serves on, and ends in order", { timeout: 60_000 }, async () => {
    const service = createServer((socket) => socket.end("served")).listen(0, "127.0.0.1");
    await once(service, "listening");
    onTestFinished(() => void service.close());
    const { port } = service.address() as AddressInfo;
    const exposed = startUnread(["expose", `127.0.0.1:${port}`, url, "--json"]);
    const peer = await unread();
    // 1 KiB of room in the pipe, 16 KiB before it, 250 bytes a line.
    for (let number = 0; number < 100; number++) {
      const stream = await room.connect(peer, { label: FORWARD_LABEL });
      stream.end();
      expect((await buffer(stream)).toString()).toBe("served");
    }
    expect((await exposed.end("SIGTERM")).code).toBe(0);
  });

  it("receive ends in order while a transfer waits for its reader", async () => {
    const receiving = startUnread(["receive", url, "--dir", join(ground, "inbox"), "--json"]);
    const stream = await room.connect(await unread(), { label: FILES_LABEL });
    const channel = new FileChannel(stream);
    const file = { size: 1, sha256: "0".repeat(64) };
    await channel.send({ type: "transfer", version: 1, files: 1_000, bytes: 1_000 });
    await channel.next();
    // Its lines are refusals, with the long names in it.
    for (let number = 0; number < 1_000; number++)
      channel.send({ type: "file", path: ["..", "x".repeat(255)], ...file }).catch(() => {});
    let answers = 0;
    const reading = (async () => {
      for (;;) {
        await channel.next();
        answers++;
      }
    })().catch(() => {});
    await expect.poll(() => answers, { timeout: 10_000 }).toBeGreaterThan(10);
    expect((await receiving.end("SIGTERM")).code).toBe(0);
    await reading;
    expect(answers).toBeLessThan(1_000);
  });
});
