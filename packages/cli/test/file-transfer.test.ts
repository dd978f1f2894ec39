import { randomBytes } from "node:crypto";
import {
  appendFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { Duplex, duplexPair, PassThrough } from "node:stream";
import { setImmediate as nextTurn } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { DropFolder } from "../src/files/drop-folder.ts";
import { FileChannel, MAX_FRAME_BYTES } from "../src/files/file-channel.ts";
import { partName } from "../src/files/file-names.ts";
import { sendFiles } from "../src/files/file-sender.ts";
import { outgoingFiles } from "../src/files/outgoing-files.ts";
import { MAX_TRANSFERS, Reception } from "../src/files/reception.ts";
import type { Tell } from "../src/files/transfer-event.ts";

import {
  ADA,
  FINE,
  inbox,
  make,
  receiver,
  recorder,
  ScriptedSender,
  send,
  sha256,
  silent,
  source,
  transfer,
} from "./file-ground.ts";

describe("a transfer", () => {
  it("brings files and folders over, with all that is in them", async () => {
    const large = randomBytes(3 * MAX_FRAME_BYTES + 1);
    const paths = [make("large.bin", large), make("empty", ""), join(source, "tree")];
    make("tree/deep/a.txt", "x");
    make("tree/run.sh", "#!/bin/sh\n");
    expect(await send(paths)).toEqual({ done: 4, failed: 0, firstFailure: undefined });
    expect(readFileSync(join(inbox, "large.bin")).equals(large)).toBe(true);
    expect(readFileSync(join(inbox, "tree/deep/a.txt"), "utf8")).toBe("x");
    expect(statSync(join(inbox, "empty"))).toMatchObject({ size: 0 });
    expect(readdirSync(inbox).sort()).toEqual(["empty", "large.bin", "tree"]);
  });

  it("tells what is offered, how far it is, and what has arrived", async () => {
    const sender = recorder();
    const receiving = recorder();
    await send([make("a.txt", "abc")], { sender: sender.tell, receiver: receiving.tell });
    const events = [
      { type: "offered", name: "a.txt", size: 3 },
      { type: "progress", name: "a.txt", bytes: 0, size: 3 },
      { type: "progress", name: "a.txt", bytes: 3, size: 3 },
      {
        type: "received",
        name: "a.txt",
        storedAs: "a.txt",
        size: 3,
        sha256: sha256("abc"),
        already: false,
      },
    ];
    expect(sender.events).toEqual([{ type: "reading", name: "a.txt", bytes: 3, size: 3 }, ...events]);
    expect(receiving.events).toEqual(events);
  });

  it("holds little in memory where the receiver is slow", async () => {
    let wake = () => {};
    const held = new Promise<void>((resolve) => {
      wake = resolve;
    });
    let sentBytes = 0;
    const { files } = await outgoingFiles([make("large.bin", Buffer.alloc(64 * MAX_FRAME_BYTES))]);
    const { sent, received, sending } = await transfer(files, {
      sender: async (event) => {
        if (event.type === "progress") sentBytes = event.bytes;
      },
      receiver: async (event) => {
        if (event.type === "progress" && event.bytes > 0) await held;
      },
    });
    await expect.poll(() => sentBytes > 0 && sending.writableNeedDrain).toBe(true);
    for (let turn = 0; turn < 200; turn++) await nextTurn();
    // One that is held, one in the stream, and one that waits for it.
    expect(sentBytes).toBeLessThanOrEqual(3 * MAX_FRAME_BYTES);
    wake();
    await Promise.all([sent, received]);
    expect(sentBytes).toBe(64 * MAX_FRAME_BYTES);
  });
});

describe("after a break", () => {
  const CONTENT = randomBytes(8 * MAX_FRAME_BYTES);
  const PART = partName("large.bin", sha256(CONTENT));

  /** The connection breaks when the receiver has half of it, or a piece more. */
  async function half(): Promise<{ readonly path: string; readonly bytes: number }> {
    const path = make("large.bin", CONTENT);
    const { files } = await outgoingFiles([path]);
    const ends = await transfer(files, {
      receiver: async (event) => {
        if (event.type === "progress" && event.bytes === 4 * MAX_FRAME_BYTES) ends.sending.destroy();
      },
    });
    await expect(ends.sent).rejects.toMatchObject({ code: "LEKT_PATH" });
    await expect(ends.received).rejects.toMatchObject({ code: "LEKT_PATH" });
    expect(readdirSync(inbox)).toEqual([PART]);
    const bytes = statSync(join(inbox, PART)).size;
    expect(bytes).toBeGreaterThanOrEqual(4 * MAX_FRAME_BYTES);
    expect(bytes).toBeLessThan(CONTENT.length);
    return { path, bytes };
  }

  it("goes on where it stopped", async () => {
    const { path, bytes } = await half();
    const { events, tell } = recorder();
    expect(await send([path], { sender: tell })).toEqual(FINE);
    const [first] = events.filter(({ type }) => type === "progress");
    expect(first).toMatchObject({ bytes, size: CONTENT.length });
    expect(readFileSync(join(inbox, "large.bin")).equals(CONTENT)).toBe(true);
    expect(readdirSync(inbox)).toEqual(["large.bin"]);
  });

  it("another file of the same name begins anew, and costs the part nothing", async () => {
    const { bytes } = await half();
    await send([make("large.bin", "another")]);
    expect(readFileSync(join(inbox, "large.bin"), "utf8")).toBe("another");
    expect(statSync(join(inbox, PART)).size).toBe(bytes);
  });

  it("a part that was damaged is found out at the end, and the next time it begins anew", async () => {
    const { path } = await half();
    const damaged = readFileSync(join(inbox, PART));
    damaged[0] = (damaged[0] as number) ^ 1;
    writeFileSync(join(inbox, PART), damaged);
    expect((await send([path])).firstFailure).toMatch(/^large\.bin: its checksum is wrong/);
    expect(readdirSync(inbox)).toEqual([]);
    expect(await send([path])).toEqual(FINE);
  });

  it("a part that is too long begins anew", async () => {
    const { path } = await half();
    truncateSync(join(inbox, PART), 9 * MAX_FRAME_BYTES);
    expect(await send([path])).toEqual(FINE);
    expect(readFileSync(join(inbox, "large.bin")).equals(CONTENT)).toBe(true);
  });
});

describe("a sender", () => {
  it("learns that the path died while it takes nothing any more", async () => {
    const { files } = await outgoingFiles([make("large.bin", Buffer.alloc(4 * MAX_FRAME_BYTES))]);
    const [ours, theirs] = duplexPair();
    const stuck = new PassThrough();
    stuck.resume();
    // It takes bytes of files, and never says so, like a socket whose peer is gone.
    const isStuck = new Promise<void>((resolve) => {
      stuck._write = (bytes: Buffer, _encoding, done) => {
        if (bytes.length > MAX_FRAME_BYTES) resolve();
        else ours.write(bytes, done);
      };
    });
    const sending = Duplex.from({ readable: ours, writable: stuck });
    sending.on("error", () => {});
    const sent = sendFiles(sending, files, silent);
    const channel = new FileChannel(theirs);
    await channel.next();
    await channel.send({ type: "ready" });
    await channel.next();
    await channel.send({ type: "from", offset: 0 });
    await isStuck;
    sending.destroy();
    await expect(sent).rejects.toMatchObject({ code: "LEKT_PATH" });
  });
});

describe("a file", () => {
  it.each<[string, (path: string) => void]>([
    ["grows", (path) => appendFileSync(path, "x")],
    ["shrinks", (path) => truncateSync(path, 1)],
    ["goes out of its folder and another one comes", (path) => writeFileSync(path, Buffer.alloc(200_000, 1))],
  ])("that %s while it is sent is not stored", async (_, change) => {
    const paths = [make("log", Buffer.alloc(200_000)), make("other", "x")];
    const sender: Tell = async (event) => {
      if (event.type === "progress" && event.name === "log" && event.bytes === 0) change(paths[0] as string);
    };
    const { done, failed, firstFailure } = await send(paths, { sender });
    expect({ done, failed }).toEqual({ done: 1, failed: 1 });
    expect(firstFailure).toMatch(/^log: it(s checksum is wrong: it)? changed while it was sent/);
    expect(readdirSync(inbox)).toEqual(["other"]);
  });

  it("that has grown since the transfer began costs no other one", async () => {
    const log = make("log", "abc");
    const { files } = await outgoingFiles([log, make("other", "x")]);
    appendFileSync(log, "d");
    const { sent, received } = await transfer(files);
    expect(await sent).toMatchObject({ done: 1, failed: 1 });
    expect((await received).firstFailure).toMatch(/it has grown since the transfer began/);
    expect(readdirSync(inbox)).toEqual(["other"]);
  });

  it("that cannot be read costs no other one", async () => {
    const paths = [make("a", "a"), make("b", "b"), make("c", "c")];
    const { files } = await outgoingFiles(paths);
    rmSync(paths[1] as string);
    const { sent, received } = await transfer(files);
    const result = { done: 2, failed: 1 };
    expect(await sent).toEqual({ ...result, firstFailure: "b: it cannot be read (ENOENT)" });
    expect(await received).toEqual({ ...result, firstFailure: "a file: it cannot be read (ENOENT)" });
    expect(readdirSync(inbox)).toEqual(["a", "c"]);
  });

  it("that the disk has no room for is refused before it is sent", async () => {
    const size = 2 ** 52;
    const sender = await ScriptedSender.begin(1, size, { limits: { maxBytes: size } });
    const answer = await sender.offer({ size });
    expect(answer).toMatchObject({ type: "refused" });
    expect((answer as { reason: string }).reason).toMatch(
      /^the receiver's disk has room for [\d.]+ [GTP]?B, and 4\.5 PB are to come$/,
    );
    expect(readdirSync(inbox)).toEqual([]);
  });

  it("whose checksum is wrong gets no name", async () => {
    const sender = await ScriptedSender.begin(1, 3);
    await sender.offer({});
    expect(await sender.finish("abd")).toMatchObject({
      type: "refused",
      reason: expect.stringMatching(/^its checksum is wrong/),
    });
    expect(readdirSync(inbox)).toEqual([]);
  });

  it("that ends too early gets no name", async () => {
    const sender = await ScriptedSender.begin(1, 3);
    await sender.offer({});
    expect(await sender.finish("ab")).toMatchObject({ type: "refused" });
    expect(readdirSync(inbox)).toEqual([]);
  });
});

describe("a receiver", () => {
  it.each([
    [{ maxFiles: 2 }, 2, 0, undefined],
    [{ maxFiles: 2 }, 3, 0, "the receiver takes 2 files at once (--max-files)"],
    [{ maxBytes: 10 }, 1, 10, undefined],
    [{ maxBytes: 10 }, 1, 11, "the receiver takes 10 bytes at once (--max-bytes)"],
  ])("with %j is asked to take %i files, %i bytes", async (limits, files, bytes, reason) => {
    const { answer } = await ScriptedSender.begin(files, bytes, { limits });
    expect(answer).toEqual(reason === undefined ? { type: "ready" } : { type: "refused", reason });
  });

  it("takes no more bytes than were announced for all files", async () => {
    const sender = await ScriptedSender.begin(3, 5);
    expect(await sender.offer({})).toEqual({ type: "from", offset: 0 });
    await sender.finish("abc");
    const reason = "there is more of it than was announced";
    expect(await sender.offer({ path: ["b"] })).toEqual({ type: "refused", reason });
    const rest = { path: ["c"], size: 2, sha256: sha256("ab") };
    expect(await sender.offer(rest)).toEqual({ type: "from", offset: 0 });
  });

  it("takes no more bytes than a file has", async () => {
    const sender = await ScriptedSender.begin(1, 3);
    await sender.offer({});
    await sender.channel.sendData(Buffer.from("abcd"));
    await expect(sender.received).rejects.toMatchObject({ code: "LEKT_TRANSFER" });
    expect(readdirSync(inbox)).toEqual([]);
  });

  it("repeats no more than 500 characters of a reason", async () => {
    const sender = await ScriptedSender.begin(2, 0);
    await sender.channel.send({ type: "gaveUp", reason: "x".repeat(501) });
    await sender.channel.send({ type: "gaveUp", reason: "" });
    await sender.channel.end();
    expect(await sender.received).toMatchObject({ failed: 2, firstFailure: `a file: ${"x".repeat(500)}` });
  });

  it("takes so many transfers at once, and no more", async () => {
    const notes: string[] = [];
    const folder = await DropFolder.open(inbox);
    const reception = new Reception(folder, { once: true }, (text) => notes.push(text));
    const pairs = Array.from({ length: MAX_TRANSFERS + 1 }, () => duplexPair());
    for (const [ours] of pairs) ours.on("error", () => {});
    const outcomes = pairs.map(([, theirs]) => reception.take(theirs, { identity: ADA, text: "ada" }, "udp"));
    expect(await outcomes.at(-1)).toMatchObject({ code: "LEKT_TRANSFER" });
    expect(pairs.map(([, theirs]) => theirs.destroyed)).toEqual([
      ...new Array(MAX_TRANSFERS).fill(false),
      true,
    ]);
    expect(notes).toEqual([`ada: refused, as ${MAX_TRANSFERS} transfers are under way.`]);
    const [first] = pairs[0] as [Duplex, Duplex];
    first.end();
    expect(await outcomes[0]).toMatchObject({ code: "LEKT_PATH" });
    const [again, theirs] = duplexPair();
    const outcome = reception.take(theirs, { identity: ADA, text: "ada" }, "udp");
    await sendFiles(again, [], silent);
    expect(await outcome).toMatchObject({ done: 0, failed: 0 });
    await reception.end();
    expect(await Promise.all(outcomes.slice(1))).toHaveLength(MAX_TRANSFERS);
  });

  it("ends one transfer, and no other, where the file system fails it", async () => {
    const reception = new Reception(await DropFolder.open(inbox), { once: true }, () => {});
    const [ours, theirs] = duplexPair();
    ours.on("error", () => {});
    const outcome = reception.take(theirs, { identity: ADA, text: "ada" }, "udp");
    const channel = new FileChannel(ours);
    await channel.send({ type: "transfer", version: 1, files: 1, bytes: 3 });
    await channel.next();
    await channel.send({ type: "file", path: ["a"], size: 3, sha256: sha256("abc") });
    expect(await channel.next()).toEqual({ type: "from", offset: 0 });
    const part = join(inbox, partName("a", sha256("abc")));
    rmSync(part);
    mkdirSync(part);
    ours.end();
    expect(await outcome).toMatchObject({
      code: "LEKT_TRANSFER",
      message: expect.stringMatching(/^The folder cannot be used: /),
    });
  });

  it("tells its user what it refused", async () => {
    const notes: string[] = [];
    const folder = await DropFolder.open(inbox);
    const reception = new Reception(folder, { maxFiles: 1 }, (text) => notes.push(text));
    const [ours, theirs] = duplexPair();
    const outcome = reception.take(theirs, { identity: ADA, text: "ada" }, "udp");
    const channel = new FileChannel(ours);
    await channel.send({ type: "transfer", version: 1, files: 2, bytes: 3 });
    await channel.next();
    await channel.end();
    await outcome;
    const reason = "the receiver takes 1 files at once (--max-files)";
    expect(notes).toEqual([`ada: 2 of 2 files did not get over; the first reason: ${reason}.`]);
  });

  it("does not wait for a silent sender for ever", async () => {
    const sender = await ScriptedSender.begin(1, 3, { limits: { idleTimeoutMs: 50 } });
    await expect(sender.received).rejects.toMatchObject({
      code: "LEKT_PATH",
      message: "The peer was silent for too long.",
    });
  });

  it("knows one version", async () => {
    const { sending } = await receiver();
    const channel = new FileChannel(sending);
    await channel.send({ type: "transfer", version: 2, files: 1, bytes: 1 });
    const reason = "the receiver knows version 1 of lekt/files only";
    expect(await channel.next()).toEqual({ type: "refused", reason });
  });

  const frame = (kind: number, length: number, body = "") =>
    Buffer.concat([
      Buffer.from([kind, 0, length >> 16, (length >> 8) & 0xff, length & 0xff]),
      Buffer.from(body),
    ]);
  const message = (body: string) => frame(0, Buffer.byteLength(body), body);

  it.each<[string, Buffer]>([
    ["a frame of an unknown kind", frame(2, 0)],
    ["a frame that is too long", frame(1, MAX_FRAME_BYTES + 1)],
    ["bytes at once", frame(1, 1, "x")],
    ["no JSON", message("{")],
    ["no object", message("null")],
    ["an unknown message", message('{"type":"toString"}')],
    ["no numbers", message('{"type":"transfer","version":1,"files":-1,"bytes":1}')],
    ["another message first", message('{"type":"end"}')],
  ])("does not put up with %s", async (_, bytes) => {
    const { sending, received } = await receiver();
    sending.write(bytes);
    await expect(received).rejects.toMatchObject({ code: "LEKT_TRANSFER" });
  });

  it("takes the longest frame", async () => {
    const content = Buffer.alloc(MAX_FRAME_BYTES, 7);
    const sender = await ScriptedSender.begin(1, content.length);
    expect(await sender.offer({ size: content.length, sha256: sha256(content) })).toMatchObject({
      type: "from",
    });
    expect(await sender.finish(content.toString("latin1"))).toMatchObject({ type: "stored" });
  });
});
