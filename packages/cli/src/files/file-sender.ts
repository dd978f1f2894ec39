import type { Duplex } from "node:stream";
import { FileChannel, type Received } from "./file-channel.ts";
import { badMessage, FILES_VERSION } from "./file-messages.ts";
import type { OutgoingFile } from "./outgoing-files.ts";
import { SourceFile } from "./source-file.ts";
import type { Tell, TransferResult } from "./transfer-event.ts";

/**
 * Sends files over a stream, and ends it. What cannot be sent, or is refused, costs no other file.
 * @throws LektError `LEKT_PATH`, `LEKT_TRANSFER`
 */
export async function sendFiles(
  stream: Duplex,
  files: readonly OutgoingFile[],
  tell: Tell,
): Promise<TransferResult> {
  const channel = new FileChannel(stream);
  const bytes = files.reduce((sum, { size }) => sum + size, 0);
  await channel.send({ type: "transfer", version: FILES_VERSION, files: files.length, bytes });
  const answer = await channel.next();
  if (answer.type === "refused") {
    await channel.end();
    return { done: 0, failed: files.length, firstFailure: answer.reason };
  }
  if (answer.type !== "ready") throw badMessage("no answer to a transfer");
  let result: TransferResult = { done: 0, failed: 0, firstFailure: undefined };
  for (const file of files) {
    const name = file.path.join("/");
    const reason = await new FileDispatch(channel, file, name, tell).run();
    if (reason === undefined) result = { ...result, done: result.done + 1 };
    else {
      const { done, failed, firstFailure = `${name}: ${reason}` } = result;
      result = { done, failed: failed + 1, firstFailure };
      await tell({ type: "failed", name, reason });
    }
  }
  await channel.end();
  return result;
}

/** One file on its way. */
class FileDispatch {
  readonly #channel: FileChannel;
  readonly #file: OutgoingFile;
  readonly #name: string;
  readonly #tell: Tell;

  constructor(channel: FileChannel, file: OutgoingFile, name: string, tell: Tell) {
    this.#channel = channel;
    this.#file = file;
    this.#name = name;
    this.#tell = tell;
  }

  /** @returns why it is not there; undefined where it is. */
  async run(): Promise<string | undefined> {
    const { size } = this.#file;
    const onRead = (bytes: number) => this.#tell({ type: "reading", name: this.#name, bytes, size });
    const source = await readable(() => SourceFile.open(this.#file, onRead));
    if (typeof source === "string") return this.#giveUp(source);
    try {
      // The announced sum holds for all files: what has grown would take the place of others.
      if (source.offer.size > size) return await this.#giveUp(GROWN);
      return await this.#offer(source);
    } finally {
      await source.close();
    }
  }

  async #offer(source: SourceFile): Promise<string | undefined> {
    const { size, sha256 } = source.offer;
    await this.#tell({ type: "offered", name: this.#name, size });
    await this.#channel.send(source.offer);
    let answer = await this.#channel.next();
    let ownReason: string | undefined;
    if (answer.type === "from") {
      if (answer.offset > size) throw badMessage("an offset behind the end of the file");
      await this.#tell({ type: "progress", name: this.#name, bytes: answer.offset, size });
      const verdict = new Verdict(this.#channel.next());
      ownReason = await this.#sendBytes(source, answer.offset, verdict);
      answer = await verdict.received;
    }
    if (answer.type === "refused") return ownReason ?? answer.reason;
    if (answer.type !== "stored") throw badMessage("no answer to a file");
    const { name: storedAs, already } = answer;
    await this.#tell({ type: "received", name: this.#name, storedAs, size, sha256, already });
    return undefined;
  }

  /** @returns why it gave up. */
  async #sendBytes(source: SourceFile, offset: number, verdict: Verdict): Promise<string | undefined> {
    const { size } = source.offer;
    for (let position = offset; position < size && !verdict.hasCome; ) {
      const bytes = await readable(() => source.read(position));
      if (typeof bytes === "string") return this.#giveUp(bytes);
      if (bytes.length === 0) return this.#giveUp(CHANGED);
      await this.#channel.sendData(bytes);
      position += bytes.length;
      await this.#tell({ type: "progress", name: this.#name, bytes: position, size });
    }
    if (await source.hasChanged()) return this.#giveUp(CHANGED);
    await this.#channel.send({ type: "end" });
    return undefined;
  }

  async #giveUp(reason: string): Promise<string> {
    await this.#channel.send({ type: "gaveUp", reason });
    return reason;
  }
}

const GROWN = "it has grown since the transfer began: send it again when nothing writes to it";
const CHANGED = "it changed while it was sent: send it again when nothing writes to it";

/** What the receiver says at the end of a file, or before: a disk may be full. */
class Verdict {
  readonly received: Promise<Received>;
  hasCome = false;

  constructor(received: Promise<Received>) {
    this.received = received;
    const note = () => {
      this.hasCome = true;
    };
    received.then(note, note);
  }
}

/** @returns why a file cannot be read, in place of what was read. */
async function readable<T>(read: () => Promise<T>): Promise<T | string> {
  try {
    return await read();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    return `it cannot be read (${code})`;
  }
}
