import type { Duplex } from "node:stream";
import type { Delivery } from "./delivery.ts";
import { FileChannel } from "./file-channel.ts";
import { badMessage, FILES_VERSION, type FileMessage, type TransferMessage } from "./file-messages.ts";
import type { IncomingFile } from "./incoming-file.ts";
import { Refusal } from "./refusal.ts";
import { sizeText } from "./size-text.ts";
import type { Tell, TransferResult } from "./transfer-event.ts";

export interface ReceiveLimits {
  /** Files of one transfer. */
  readonly maxFiles: number;
  /** Bytes of one transfer. */
  readonly maxBytes: number;
  /** How long a sender may send nothing; it may have to read a large file first. */
  readonly idleTimeoutMs: number;
}

export const RECEIVE_LIMITS: ReceiveLimits = {
  maxFiles: 10_000,
  maxBytes: 100_000_000_000,
  idleTimeoutMs: 600_000,
};

/**
 * Receives what one sender sends. The stream is ended.
 * @throws LektError `LEKT_PATH`, `LEKT_TRANSFER`; what had come of a file is kept, to be gone on with
 */
export async function receiveFiles(
  stream: Duplex,
  delivery: Delivery,
  limits: ReceiveLimits,
  tell: Tell,
): Promise<TransferResult> {
  const channel = new FileChannel(stream, limits.idleTimeoutMs);
  const transfer = await channel.next();
  if (transfer.type !== "transfer") throw badMessage("something else than a transfer");
  const excess = excessOf(transfer, limits);
  if (excess !== undefined) {
    await channel.send({ type: "refused", reason: excess });
    await channel.end();
    return { done: 0, failed: transfer.files, firstFailure: excess };
  }
  await channel.send({ type: "ready" });
  const intake = new FileIntake(channel, delivery, transfer.bytes, tell);
  for (let number = 0; number < transfer.files; number++) await intake.next();
  if (intake.result.failed === 0) await delivery.complete();
  await channel.end();
  return intake.result;
}

/** @returns why a transfer is too large. */
function excessOf({ version, files, bytes }: TransferMessage, limits: ReceiveLimits): string | undefined {
  if (version !== FILES_VERSION) return `the receiver knows version ${FILES_VERSION} of lekt/files only`;
  if (files > limits.maxFiles) return `the receiver takes ${limits.maxFiles} files at once (--max-files)`;
  if (bytes > limits.maxBytes) return `the receiver takes ${sizeText(limits.maxBytes)} at once (--max-bytes)`;
  return undefined;
}

/** Takes one file after the other. */
class FileIntake {
  readonly #channel: FileChannel;
  readonly #delivery: Delivery;
  readonly #tell: Tell;
  /** Of those that were announced. */
  #bytesLeft: number;
  #result: TransferResult = { done: 0, failed: 0, firstFailure: undefined };

  constructor(channel: FileChannel, delivery: Delivery, bytes: number, tell: Tell) {
    this.#channel = channel;
    this.#delivery = delivery;
    this.#bytesLeft = bytes;
    this.#tell = tell;
  }

  get result(): TransferResult {
    return this.#result;
  }

  async next(): Promise<void> {
    const offer = await this.#channel.next();
    if (offer.type === "gaveUp") {
      await this.#fail("a file", offer.reason);
      return;
    }
    if (offer.type !== "file") throw badMessage("something else than a file");
    const name = offer.path.join("/");
    await this.#tell({ type: "offered", name, size: offer.size });
    try {
      await this.#take(offer, name);
    } catch (error) {
      await this.#refuse(name, error);
    }
  }

  async #take(offer: FileMessage, name: string): Promise<void> {
    if (offer.size > this.#bytesLeft) throw new Refusal("there is more of it than was announced");
    this.#bytesLeft -= offer.size;
    const intake = await this.#delivery.take(offer);
    if (intake.type === "there") {
      await this.#stored(offer, name, intake.name, true);
      return;
    }
    const { file } = intake;
    await this.#tell({ type: "progress", name, bytes: file.length, size: offer.size });
    await this.#channel.send({ type: "from", offset: file.length }).catch(keeping(file));
    const storedAs = await this.#fill(file, offer, name);
    if (storedAs !== undefined) await this.#stored(offer, name, storedAs, false);
  }

  /** Bytes, and the end of the file. @returns its name; undefined where it was refused on the way. @throws Refusal at its end */
  async #fill(file: IncomingFile, { size }: FileMessage, name: string): Promise<string | undefined> {
    for (;;) {
      const frame = await this.#channel.next().catch(keeping(file));
      if (frame.type === "end") return file.finish();
      if (frame.type === "gaveUp") {
        await file.drop();
        throw new Refusal(frame.reason);
      }
      if (frame.type !== "data" || file.length + frame.bytes.length > size) {
        await file.keep();
        throw badMessage("what is no part of the file");
      }
      try {
        await file.write(frame.bytes);
      } catch (error) {
        await file.keep();
        // At once: the sender need not send the rest.
        await this.#refuse(name, error);
        await this.#skipRest();
        return undefined;
      }
      await this.#tell({ type: "progress", name, bytes: file.length, size });
    }
  }

  /** What was on its way when the file was refused. */
  async #skipRest(): Promise<void> {
    for (;;) {
      const { type } = await this.#channel.next();
      if (type === "end" || type === "gaveUp") return;
      if (type !== "data") throw badMessage("what is no part of the file");
    }
  }

  async #refuse(name: string, error: unknown): Promise<void> {
    if (!(error instanceof Refusal)) throw error;
    await this.#channel.send({ type: "refused", reason: error.message });
    await this.#fail(name, error.message);
  }

  async #stored(
    { size, sha256 }: Pick<FileMessage, "size" | "sha256">,
    name: string,
    storedAs: string,
    already: boolean,
  ): Promise<void> {
    await this.#channel.send({ type: "stored", name: storedAs, already });
    this.#result = { ...this.#result, done: this.#result.done + 1 };
    await this.#tell({ type: "received", name, storedAs, size, sha256, already });
  }

  async #fail(name: string, reason: string): Promise<void> {
    const { done, failed, firstFailure = `${name}: ${reason}` } = this.#result;
    this.#result = { done, failed: failed + 1, firstFailure };
    await this.#tell({ type: "failed", name, reason });
  }
}

/** For where the connection breaks: what is there of the file stays. */
function keeping(file: IncomingFile): (error: unknown) => Promise<never> {
  return async (error) => {
    await file.keep();
    throw error;
  };
}
