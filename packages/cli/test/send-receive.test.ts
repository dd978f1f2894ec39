import { createHash, randomBytes } from "node:crypto";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createIdentity, join as joinRoom, type Peer, type PeerStream, type Room } from "@lekt/client";
import { relay } from "@lekt/methods/relay";
import { beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { FileChannel } from "../src/files/file-channel.ts";
import { FILES_LABEL } from "../src/files/file-messages.ts";
import { partName } from "../src/files/file-names.ts";
import { type Finished, lekt, RunningLekt, serve } from "./lekt-process.ts";

const MEBIBYTE = 1_048_576;

let ground: string;
let inbox: string;
/** With a network key. */
let url: string;

/** An identity of its own for each name. */
function home(name: string): Record<string, string> {
  return { XDG_CONFIG_HOME: join(ground, `home-${name}`) };
}

/** The loopback alone. */
const WAY = ["--methods", "relay"];

function receiving(...flags: readonly string[]): readonly string[] {
  return ["receive", url, "--dir", inbox, "--name", "bob", "--json", ...WAY, ...flags];
}

async function receive(...flags: readonly string[]): Promise<RunningLekt> {
  const receiver = new RunningLekt(receiving(...flags), home("bob"));
  await receiver.event("ready");
  return receiver;
}

const SENDING = ["--to", "bob", "--name", "ada", ...WAY];

function send(paths: readonly string[], flags: readonly string[] = [], at = url): Promise<Finished> {
  return lekt(["send", ...paths, at, ...SENDING, ...flags], { env: home("ada") });
}

/** A peer that does what the test wants. */
async function joinAs(name: string): Promise<Room> {
  const room = await joinRoom(url, { name, identity: await createIdentity(), methods: [relay()] });
  onTestFinished(() => room.close());
  return room;
}

async function named(room: Room, name: string): Promise<Peer | undefined> {
  const found = () => room.peers.find((peer) => peer.name === name);
  await expect.poll(found).toBeDefined();
  return found();
}

function make(name: string, bytes: string | Uint8Array): string {
  const path = join(ground, name);
  mkdirSync(join(path, ".."), { recursive: true });
  writeFileSync(path, bytes);
  return path;
}

describe("lekt send and lekt receive", () => {
  beforeEach(async () => {
    ground = realpathSync(mkdtempSync(join(tmpdir(), "lekt-send-")));
    inbox = join(ground, "inbox");
    onTestFinished(() => rmSync(ground, { recursive: true, force: true }));
    const server = await serve();
    url = `${server.url}/files#key=${randomBytes(32).toString("base64url")}`;
  });

  it("bring a large file and a folder over, in bounded memory", { timeout: 120_000 }, async () => {
    const large = make("large.bin", Buffer.alloc(100 * MEBIBYTE, randomBytes(MEBIBYTE)));
    make("tree/deep/a.txt", "abc");
    const receiver = await receive();
    const { code, stdout, stderr } = await send([large, join(ground, "tree")]);
    expect(stderr).toMatch(
      /^lekt: bob has the identity .* it is remembered\.\nlekt: Connected to bob: relay, over the relay/,
    );
    expect(stderr).not.toContain("%");
    expect(stdout).toBe("large.bin: sent, 104.9 MB\ntree/deep/a.txt: sent, 3 bytes\n");
    expect(code).toBe(0);
    const sha256 = createHash("sha256").update(readFileSync(large)).digest("hex");
    const facts = { peer: expect.stringMatching(/^ada \(/), name: "large.bin", size: 100 * MEBIBYTE };
    expect(await receiver.event("offered")).toMatchObject(facts);
    expect(await receiver.event("progress")).toMatchObject({ ...facts, bytes: 0 });
    expect(await receiver.event("received")).toMatchObject({ ...facts, storedAs: "large.bin", sha256 });
    expect(await receiver.event("done")).toMatchObject({ received: 2, failed: 0 });
    expect(readFileSync(join(inbox, "large.bin")).equals(readFileSync(large))).toBe(true);
    expect(readFileSync(join(inbox, "tree/deep/a.txt"), "utf8")).toBe("abc");
    if (process.platform === "linux") expect(peakBytes(receiver)).toBeLessThan(250 * MEBIBYTE);
    expect((await receiver.end("SIGTERM")).code).toBe(0);
  });

  it("go on after the sender has died in the middle", async () => {
    const content = randomBytes(MEBIBYTE);
    const sha256 = createHash("sha256").update(content).digest("hex");
    const receiver = await receive("--once");
    const room = await joinAs("eve");
    const stream = await room.connect((await named(room, "bob")) as Peer, { label: FILES_LABEL });
    const channel = new FileChannel(stream);
    await channel.send({ type: "transfer", version: 1, files: 1, bytes: content.length });
    await channel.next();
    const file = { path: ["a.bin"], size: content.length, sha256 };
    await channel.send({ type: "file", ...file });
    await channel.next();
    await channel.sendData(content.subarray(0, 50_000));
    const part = join(inbox, partName("a.bin", sha256));
    await expect.poll(() => statSync(part).size).toBe(50_000);
    stream.destroy();
    expect(await receiver.event("broken")).toMatchObject({ code: "LEKT_PATH" });
    expect((await receiver.end()).code).toBe(1);
    const next = await receive("--once");
    expect((await send([make("a.bin", content)])).code).toBe(0);
    expect(await next.event("progress")).toMatchObject({ bytes: 50_000 });
    expect((await next.end()).code).toBe(0);
    expect(readdirSync(inbox)).toEqual(["a.bin"]);
    expect(readFileSync(join(inbox, "a.bin")).equals(content)).toBe(true);
  });

  it("go on after the receiver's disk was full", async () => {
    const file = make("file.bin", randomBytes(4 * MEBIBYTE));
    // No file of this process may be larger than 2 MiB: what the system says of a full disk, as nearly as a user can have it.
    const full = new RunningLekt(receiving("--once"), home("bob"), [
      "/bin/sh",
      "-c",
      'ulimit -f 4096; exec "$@"',
      "sh",
    ]);
    await full.event("ready");
    const failed = await send([file], ["--json"]);
    expect(failed.code).toBe(1);
    expect(failed.stderr).toContain(
      "1 of 1 files did not get over; the first reason: file.bin: the receiver's disk takes no file that large (EFBIG).",
    );
    expect((await full.end()).code).toBe(1);
    const receiver = await receive("--once");
    expect((await send([file])).code).toBe(0);
    expect(await receiver.event("progress")).toMatchObject({ bytes: 2 * MEBIBYTE });
    expect((await receiver.end()).code).toBe(0);
    expect(readFileSync(join(inbox, "file.bin")).equals(readFileSync(file))).toBe(true);
    expect(readdirSync(inbox)).toEqual(["file.bin"]);
  });

  it("say in one sentence that the receiver has died, or that they were stopped", async () => {
    const room = await joinAs("bob");
    const offered = new Promise<PeerStream>((resolve) => {
      room.onConnection(FILES_LABEL, async (stream) => {
        const channel = new FileChannel(stream);
        await channel.next();
        await channel.send({ type: "ready" });
        await channel.next();
        resolve(stream);
      });
    });
    const dying = new RunningLekt(["send", make("a.txt", "abc"), url, ...SENDING], home("ada"));
    (await offered).destroy();
    const failed = await dying.end();
    expect(failed.stderr).toMatch(/^lekt: .*: send the same again, and it goes on where it stopped\.$/m);
    expect(failed.code).toBe(1);
    const stopped = new RunningLekt(["send", make("a.txt", "abc"), url, ...SENDING, "--json"], home("ada"));
    await stopped.event("offered");
    const { code, stderr } = await stopped.end("SIGINT");
    expect(stderr).toContain(
      "Stopped before all was sent: send the same again, and it goes on where it stopped.",
    );
    expect(code).toBe(1);
  });

  it("end at once where the one transfer is stopped in its middle", async () => {
    const receiver = await receive("--once");
    const room = await joinAs("ada");
    const stream = await room.connect((await named(room, "bob")) as Peer, { label: FILES_LABEL });
    const channel = new FileChannel(stream);
    await channel.send({ type: "transfer", version: 1, files: 1, bytes: 10 });
    await channel.next();
    await channel.send({ type: "file", path: ["a"], size: 10, sha256: "0".repeat(64) });
    await receiver.event("progress");
    const { code, stderr } = await receiver.end("SIGINT");
    expect(stderr).toContain("Stopped before a transfer was complete.");
    expect(code).toBe(1);
  });

  it("refuse what is too much, before any of it is sent", async () => {
    const receiver = await receive("--once", "--max-bytes", "2");
    const { code, stderr, stdout } = await send([make("a.txt", "abc")]);
    expect(stderr).toMatch(/the first reason: the receiver takes 2 bytes at once \(--max-bytes\)\.\n$/);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect((await receiver.end()).code).toBe(1);
    expect(readdirSync(inbox)).toEqual([]);
  });

  it("ask nothing of strangers", async () => {
    const bare = url.replace(/#.*/, "");
    const shut = await lekt(["receive", bare, "--dir", inbox], { env: home("bob") });
    expect(shut.stderr).toMatch(/^lekt: Nobody could connect: the URL has no network key/);
    expect(shut.code).toBe(2);
    const other = `${bare}#key=${randomBytes(32).toString("base64url")}`;
    const receiver = await receive();
    const { code, stdout } = await send([make("a.txt", "abc")], [], other);
    expect(code).not.toBe(0);
    expect(stdout).toBe("");
    expect(readdirSync(inbox)).toEqual([]);
    expect((await receiver.end("SIGTERM")).stdout).toBe("");
  });
});

describe("wrong usage", () => {
  it.each([
    [["send", "lekt://localhost", "--to", "bob"], /^lekt: Give the files first, and the URL behind them/],
    [
      ["send", "no-such-file", "lekt://localhost", "--to", "bob"],
      /'no-such-file' cannot be sent: there is no/,
    ],
    [["send", ".", "lekt://localhost"], /required option '--to <peer>' not specified/],
    [["receive", "lekt://localhost", "--max-files", "0"], /'--max-files <number>' argument '0' is invalid/],
    [["receive", "lekt://localhost", "--dir", "/dev/null"], /'\/dev\/null' cannot be the folder/],
  ])("%j: exit code 2", async (args, message) => {
    const { code, stdout, stderr } = await lekt(args);
    expect(stderr).toMatch(message);
    expect(stderr).toMatch(/^lekt: .*\n$/);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  });
});

/** The most memory that a process ever had. */
function peakBytes({ child }: RunningLekt): number {
  const status = readFileSync(`/proc/${child.pid}/status`, "utf8");
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) * 1_024;
}
