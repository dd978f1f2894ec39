import type { Duplex } from "node:stream";
import { LektError } from "@lekt/protocol";
import { closeOf } from "../peers/stream-end.ts";
import { badMessage, type Message, parseMessage } from "./file-messages.ts";

/*
 * frame = kind:u8 length:u32 body
 * kind  = 0 (a message, JSON in UTF-8) / 1 (bytes of a file)
 */
const KIND = { message: 0, data: 1 } as const;
const HEAD_BYTES = 5;
export const MAX_FRAME_BYTES = 65_536;
/** How long the other side's end is waited for. */
const END_TIMEOUT_MS = 5_000;

/** Bytes of a file. */
interface DataFrame {
  readonly type: "data";
  readonly bytes: Buffer;
}

export type Received = Message | DataFrame;

/** Messages and bytes of files over one stream. Each side pulls, so that a slow one slows the other down. */
export class FileChannel {
  readonly #stream: Duplex;
  readonly #chunks: AsyncIterator<Buffer>;
  readonly #idleTimeoutMs: number | undefined;
  /** Ends of the writes under way. */
  readonly #writes = new Set<() => void>();
  #waiting: Buffer[] = [];
  #waitingBytes = 0;

  /** @param idleTimeoutMs how long the peer may send nothing where something is waited for; default: forever */
  constructor(stream: Duplex, idleTimeoutMs?: number) {
    this.#stream = stream;
    this.#idleTimeoutMs = idleTimeoutMs;
    // The end of what comes must not break what is still on its way there.
    // Node.js says nothing of writes that are under way when a stream is destroyed.
    stream.once("close", () => {
      for (const fail of this.#writes) fail();
    });
    this.#chunks = stream.iterator({ destroyOnReturn: false });
  }

  /** Resolves when the stream has taken it. @throws LektError `LEKT_PATH` and others */
  async send(message: Message): Promise<void> {
    await this.#write(frame(KIND.message, Buffer.from(JSON.stringify(message))));
  }

  /** @param bytes `MAX_FRAME_BYTES` at the most */
  async sendData(bytes: Uint8Array): Promise<void> {
    await this.#write(frame(KIND.data, bytes));
  }

  /** Not to be called again before it has settled. @throws LektError `LEKT_PATH`, `LEKT_TRANSFER` and others */
  async next(): Promise<Received> {
    const head = await this.#take(HEAD_BYTES);
    const kind = head[0];
    const length = head.readUInt32BE(1);
    if (length > MAX_FRAME_BYTES) throw badMessage(`a frame of more than ${MAX_FRAME_BYTES} bytes`);
    if (kind !== KIND.message && kind !== KIND.data) throw badMessage("a frame of an unknown kind");
    const body = await this.#take(length);
    return kind === KIND.data ? { type: "data", bytes: body } : parseMessage(body);
  }

  /**
   * Ends this direction once everything was said, and waits until both have ended, or broke: what counts was confirmed
   * by messages before.
   */
  async end(): Promise<void> {
    this.#stream.end();
    const timer = setTimeout(() => this.#stream.destroy(), END_TIMEOUT_MS);
    try {
      for (let step = await this.#chunks.next(); !step.done; step = await this.#chunks.next());
      await closeOf(this.#stream);
    } catch {
      // Nothing was to come any more.
    } finally {
      clearTimeout(timer);
    }
  }

  async #take(count: number): Promise<Buffer> {
    while (this.#waitingBytes < count) {
      const chunk = await this.#nextChunk();
      this.#waiting.push(chunk);
      this.#waitingBytes += chunk.length;
    }
    const all = this.#waiting.length === 1 ? (this.#waiting[0] as Buffer) : Buffer.concat(this.#waiting);
    const rest = all.subarray(count);
    this.#waiting = rest.length > 0 ? [rest] : [];
    this.#waitingBytes = rest.length;
    return all.subarray(0, count);
  }

  async #nextChunk(): Promise<Buffer> {
    const timer = setTimeout(() => this.#stream.destroy(tooSilent()), this.#idleTimeoutMs);
    if (this.#idleTimeoutMs === undefined) clearTimeout(timer);
    try {
      const { done, value } = await this.#chunks.next();
      if (!done) return value;
    } catch (error) {
      throw this.#broken(error);
    } finally {
      clearTimeout(timer);
    }
    throw new LektError("LEKT_PATH", "The peer broke off.");
  }

  #write(bytes: Buffer): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (error?: Error | null) => {
        this.#writes.delete(fail);
        if (error) reject(this.#broken(error));
        else resolve();
      };
      const fail = () => settle(new Error("it was closed"));
      this.#writes.add(fail);
      this.#stream.write(bytes, settle);
    });
  }

  #broken(error: unknown): LektError {
    const cause = this.#stream.errored ?? error;
    if (cause instanceof LektError) return cause;
    return new LektError("LEKT_PATH", "The connection to the peer broke.", { cause });
  }
}

function tooSilent(): LektError {
  return new LektError("LEKT_PATH", "The peer was silent for too long.");
}

function frame(kind: number, body: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(HEAD_BYTES + body.length);
  bytes[0] = kind;
  bytes.writeUInt32BE(body.length, 1);
  bytes.set(body, HEAD_BYTES);
  return bytes;
}
