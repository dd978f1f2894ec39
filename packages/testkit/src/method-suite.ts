import { once } from "node:events";
import { type Duplex, Readable } from "node:stream";
import { finished, pipeline } from "node:stream/promises";
import type { ConnectionMethod } from "@lekt/protocol";
import { describe, expect, onTestFinished, test } from "vitest";
import { type OverheardMethod, type OverheardOptions, overheard } from "./overheard-method.ts";

/** What the suite needs of a stream between peers. */
export interface SuiteStream extends Duplex {
  readonly path: { readonly method: string; readonly relayed: boolean };
  readonly trace: { readonly attempts: readonly { readonly method: string; readonly outcome?: unknown }[] };
  readonly identity: Uint8Array;
}

/** … and of a room. */
export interface SuiteRoom {
  readonly identity: Uint8Array | undefined;
  readonly peers: readonly { readonly identity: Uint8Array | undefined }[];
  connect(
    peer: Uint8Array,
    options: { label: string; signal?: AbortSignal; timeoutMs?: number },
  ): Promise<SuiteStream>;
  onConnection(
    label: string,
    handler: (stream: SuiteStream) => void,
    options?: { accept?: () => boolean | Promise<boolean> },
  ): () => void;
  close(): Promise<void>;
}

export interface SuiteJoin {
  readonly method: ConnectionMethod<Duplex>;
  readonly networkKey?: Uint8Array;
  /** Publishes the identity of somebody else, and cannot prove it. */
  readonly impostor?: boolean;
}

export interface MethodSuite {
  readonly name: string;
  method(): ConnectionMethod<Duplex>;
  /** Joins one network on loopback. Resolves when the room has the roster with all who joined before. */
  join(options: SuiteJoin): Promise<SuiteRoom>;
  /** Resolves when `room` has the identity in its roster. */
  meets(room: SuiteRoom, identity: Uint8Array): Promise<void>;
  /** Bytes each way. Default 100 MB. */
  readonly bulkBytes?: number;
}

const LABEL = "suite";
const CHUNK_BYTES = 65_536;
const MANY = 32;
/** What may wait in buffers of streams, TLS and system for a peer that does not read. */
const MAX_UNREAD_BYTES = 64 * 1_048_576;
const STALLED_MS = 1_000;
/** More than an application's buffers take, and less than those of a system. */
const SLOWLY_READ_BYTES = 3_000_000;
const KEYS = [1, 2].map((fill) => new Uint8Array(32).fill(fill));

interface Side {
  readonly room: SuiteRoom;
  readonly method: OverheardMethod;
}

/** What every connection method has to do, over loopback. */
export function testMethod(suite: MethodSuite): void {
  describe(`the method ${suite.name}`, () => {
    async function side(
      overhearing: OverheardOptions = {},
      options: Omit<SuiteJoin, "method"> = {},
    ): Promise<Side> {
      const method = overheard(suite.method(), overhearing);
      const room = await suite.join({ method, ...options });
      onTestFinished(() => room.close());
      return { room, method };
    }

    async function introduce(a: Side, b: Side): Promise<void> {
      await Promise.all([suite.meets(a.room, identityOf(b)), suite.meets(b.room, identityOf(a))]);
    }

    async function pair(forA: OverheardOptions = {}, forB: OverheardOptions = {}): Promise<[Side, Side]> {
      const [a, b] = [await side(forA), await side({ ...forB })];
      await introduce(a, b);
      return [a, b];
    }

    /** Two ends of one stream: of who connected, and of who was connected to. */
    async function streams(a: Side, b: Side): Promise<[SuiteStream, SuiteStream]> {
      const accepted = accept(b);
      const dialled = await a.room.connect(identityOf(b), { label: LABEL });
      return [dialled, await accepted];
    }

    test("dials and accepts: both know the path, and who is at the other end", async () => {
      const [a, b] = await pair();
      for (const [from, to] of [
        [a, b],
        [b, a],
      ] as const) {
        const [dialled, accepted] = await streams(from, to);
        expect([...dialled.identity]).toEqual([...identityOf(to)]);
        expect([...accepted.identity]).toEqual([...identityOf(from)]);
        for (const { path } of [dialled, accepted]) {
          expect(path).toMatchObject({ method: from.method.name, relayed: from.method.relayed });
        }
        expect(dialled.trace.attempts).toMatchObject([{ method: from.method.name, outcome: "won" }]);
        dialled.write("ping");
        expect(String(await dataOf(accepted))).toBe("ping");
        accepted.write("pong");
        expect(String(await dataOf(dialled))).toBe("pong");
        dialled.destroy();
        accepted.destroy();
      }
    });

    test("carries much both ways at once", { timeout: 120_000 }, async () => {
      const bytes = suite.bulkBytes ?? 100_000_000;
      const ends = await streams(...(await pair()));
      const counted = ends.map((end) => countPattern(end));
      await Promise.all(ends.map((end) => pipeline(pattern(bytes), end, { end: true })));
      expect(await Promise.all(counted)).toEqual([bytes, bytes]);
    });

    test("ends one direction and leaves the other open", async () => {
      const [a, b] = await pair();
      for (const isTurned of [false, true]) {
        const ends = await streams(a, b);
        const [first, second] = (isTurned ? [...ends].reverse() : ends) as [SuiteStream, SuiteStream];
        first.end("that was all");
        expect(String(await readAll(second))).toBe("that was all");
        const answer = readAll(first);
        second.write(Buffer.alloc(CHUNK_BYTES, 7));
        second.end("and more");
        const bytes = await answer;
        expect(bytes.length).toBe(CHUNK_BYTES + "and more".length);
        expect(bytes.subarray(CHUNK_BYTES).toString()).toBe("and more");
        await Promise.all(ends.map((end) => closed(end)));
        for (const end of ends) expect(end.errored).toBe(null);
      }
    });

    test("closes when a slow reader has everything, though that one ended first", async () => {
      const [a, b] = await pair();
      for (const isTurned of [false, true]) {
        const both = await streams(a, b);
        const [writer, reader] = (isTurned ? [...both].reverse() : both) as [SuiteStream, SuiteStream];
        reader.end();
        const ended = once(writer, "end");
        const sent = pipeline(pattern(SLOWLY_READ_BYTES), writer, { end: true });
        writer.resume();
        await ended;
        // What buffers take is with the reader's machine, and not with the reader.
        await new Promise((resolve) => setTimeout(resolve, STALLED_MS));
        expect(writer.closed).toBe(false);
        expect(await countPattern(reader)).toBe(SLOWLY_READ_BYTES);
        await sent;
        await Promise.all(both.map(closed));
        expect(both.map(({ errored }) => errored)).toEqual([null, null]);
      }
    });

    test(`carries ${MANY} streams at once`, { timeout: 60_000 }, async () => {
      const [a, b] = await pair();
      b.room.onConnection(LABEL, (stream) => stream.pipe(stream));
      const answers = Array.from({ length: MANY }, async (_, i) => {
        const stream = await a.room.connect(identityOf(b), { label: LABEL });
        const text = `${i} `.repeat(10_000);
        stream.end(text);
        return (await readAll(stream)).toString() === text;
      });
      expect((await Promise.all(answers)).filter((isRight) => isRight).length).toBe(MANY);
    });

    test("waits for a peer that does not read", async () => {
      const [from, to] = await streams(...(await pair()));
      const written = await fill(from);
      expect(written).toBeLessThan(MAX_UNREAD_BYTES);
      const read = readAll(to);
      from.end();
      expect((await read).length).toBe(written);
    });

    describe("an abort leaves nothing open", () => {
      const phases: readonly [string, (abort: () => void) => [OverheardOptions, OverheardOptions]][] = [
        ["while it dials", (abort) => [{ onDial: () => setImmediate(abort) }, {}]],
        ["as soon as its path is there", (abort) => [{ onDialled: abort }, {}]],
        [
          "while TLS waits for the peer",
          (abort) => [{ onDialled: () => setTimeout(abort, 50) }, { silent: true }],
        ],
      ];
      test.each(phases)("%s", async (_, phase) => {
        const controller = new AbortController();
        const [forA, forB] = phase(() => controller.abort());
        const [a, b] = await pair(forA, forB);
        b.room.onConnection(LABEL, (stream) => stream.resume());
        const connecting = a.room.connect(identityOf(b), { label: LABEL, signal: controller.signal });
        await expect(connecting).rejects.toMatchObject({ code: "LEKT_ABORTED" });
        await allClosed(a);
      });

      test("before it began", async () => {
        const [a, b] = await pair();
        const connecting = a.room.connect(identityOf(b), { label: LABEL, signal: AbortSignal.abort() });
        await expect(connecting).rejects.toMatchObject({ code: "LEKT_ABORTED" });
        expect(a.method.paths).toEqual([]);
      });

      test("while the peer decides", async () => {
        const [a, b] = await pair();
        const controller = new AbortController();
        const accept = () =>
          new Promise<boolean>((resolve) => {
            controller.signal.addEventListener("abort", () => resolve(true));
            controller.abort();
          });
        b.room.onConnection(LABEL, (stream) => stream.resume(), { accept });
        const connecting = a.room.connect(identityOf(b), { label: LABEL, signal: controller.signal });
        await expect(connecting).rejects.toMatchObject({ code: "LEKT_ABORTED" });
        await Promise.all([allClosed(a), allClosed(b)]);
      });

      test("and does nothing to a stream that is there", async () => {
        const [a, b] = await pair();
        const controller = new AbortController();
        const accepted = accept(b);
        const { signal } = controller;
        const stream = await a.room.connect(identityOf(b), { label: LABEL, signal });
        controller.abort();
        stream.end("still here");
        expect(String(await readAll(await accepted))).toBe("still here");
      });
    });

    test("a peer that cannot prove its identity is nobody", async () => {
      const a = await side();
      const b = await side({}, { impostor: true });
      await suite.meets(a.room, identityOf(b));
      b.room.onConnection(LABEL, () => expect.unreachable("no such peer"));
      const connecting = a.room.connect(identityOf(b), { label: LABEL });
      await expect(connecting).rejects.toMatchObject({ code: "LEKT_PEER_IDENTITY" });
      await allClosed(a);
    });

    test.each([
      ["another", KEYS, ["LEKT_NETWORK_KEY", "LEKT_NETWORK_KEY"]],
      // Who has no key is told no more than that it is refused.
      ["no", [KEYS[0], undefined], ["LEKT_NETWORK_KEY", "LEKT_PEER_REFUSED"]],
    ])("a peer with %s network key is refused", async (_, [keyOfA, keyOfB], [codeOfA, codeOfB]) => {
      const a = await side({}, keyOfA && { networkKey: keyOfA });
      const b = await side({}, keyOfB && { networkKey: keyOfB });
      await introduce(a, b);
      for (const [from, to, code] of [
        [a, b, codeOfA],
        [b, a, codeOfB],
      ] as const) {
        const remove = to.room.onConnection(LABEL, () => expect.unreachable("it has no key"));
        const connecting = from.room.connect(identityOf(to), { label: LABEL });
        await expect(connecting).rejects.toMatchObject({ code });
        remove();
      }
    });

    test("a silent peer costs no more than the time that was given", async () => {
      const [a, b] = await pair({}, { silent: true });
      const connecting = a.room.connect(identityOf(b), { label: LABEL, timeoutMs: 1_500 });
      await expect(connecting).rejects.toMatchObject({
        code: "LEKT_UNREACHABLE",
        trace: { attempts: [{ method: a.method.name, outcome: "failed" }] },
      });
      await allClosed(a);
    });

    test("a path that dies is told, and is no end of the stream", { timeout: 60_000 }, async () => {
      const [a, b] = await pair();
      const [dialled, accepted] = await streams(a, b);
      const ended: string[] = [];
      dialled.on("end", () => ended.push("end")).resume();
      dialled.write("something");
      await dataOf(accepted);
      for (const { stream } of b.method.paths) stream.destroy();
      await expect(finished(dialled)).rejects.toMatchObject({ code: "LEKT_PATH" });
      await expect(finished(accepted)).rejects.toMatchObject({ code: "LEKT_PATH" });
      expect(ended).toEqual([]);
    });
  });
}

function identityOf({ room }: Side): Uint8Array {
  return room.identity as Uint8Array;
}

/** The next connection. */
function accept({ room }: Side): Promise<SuiteStream> {
  return new Promise((resolve) => {
    const remove = room.onConnection(LABEL, (stream) => {
      remove();
      resolve(stream);
    });
  });
}

async function dataOf(stream: Duplex): Promise<Uint8Array> {
  const [bytes] = await once(stream, "data");
  return bytes;
}

async function readAll(stream: Duplex): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of stream.iterator({ destroyOnReturn: false })) parts.push(part);
  return Buffer.concat(parts);
}

async function closed(stream: Duplex): Promise<void> {
  if (!stream.closed) await once(stream, "close");
}

async function allClosed({ method }: Side): Promise<void> {
  await expect.poll(() => method.paths.filter(({ stream }) => !stream.destroyed).length).toBe(0);
}

/** Writes until the stream takes nothing more for a while. @returns bytes written. */
async function fill(stream: Duplex): Promise<number> {
  const chunk = Buffer.alloc(CHUNK_BYTES);
  for (let written = 0; ; ) {
    const goesOn = stream.write(chunk);
    written += chunk.length;
    if (written >= MAX_UNREAD_BYTES) return written;
    if (!goesOn && !(await drains(stream))) return written;
  }
}

function drains(stream: Duplex): Promise<boolean> {
  return new Promise((resolve) => {
    const finish = (isDrained: boolean) => {
      clearTimeout(timer);
      stream.off("drain", onDrain);
      resolve(isDrained);
    };
    const onDrain = () => finish(true);
    const timer = setTimeout(() => finish(false), STALLED_MS);
    stream.on("drain", onDrain);
  });
}

/** Bytes of which each says where it is, modulo 251. */
const PATTERN = Buffer.from(Array.from({ length: CHUNK_BYTES + 251 }, (_, i) => i % 251));

function patternAt(at: number, length: number): Buffer {
  return PATTERN.subarray(at % 251, (at % 251) + length);
}

function pattern(length: number): Readable {
  let at = 0;
  return new Readable({
    read() {
      const bytes = Math.min(CHUNK_BYTES, length - at);
      this.push(bytes > 0 ? patternAt(at, bytes) : null);
      at += bytes;
    },
  });
}

/** How many bytes came that were right, until the stream's end. */
async function countPattern(stream: Duplex): Promise<number> {
  let count = 0;
  for await (const bytes of stream.iterator({ destroyOnReturn: false })) {
    for (let at = 0; at < bytes.length; at += CHUNK_BYTES) {
      const part: Buffer = bytes.subarray(at, at + CHUNK_BYTES);
      if (!part.equals(patternAt(count, part.length))) throw new Error(`a wrong byte behind ${count}`);
      count += part.length;
    }
  }
  return count;
}
