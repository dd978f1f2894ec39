import { createHash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import { MAX_FRAME_BYTES } from "./file-channel.ts";
import type { FileMessage } from "./file-messages.ts";
import { hashInto } from "./file-part.ts";
import type { OutgoingFile } from "./outgoing-files.ts";

/** An open file that is offered. */
export class SourceFile {
  readonly offer: FileMessage;
  readonly #handle: FileHandle;
  readonly #modifiedMs: number;
  readonly #buffer = Buffer.allocUnsafe(MAX_FRAME_BYTES);

  private constructor(offer: FileMessage, handle: FileHandle, modifiedMs: number) {
    this.offer = offer;
    this.#handle = handle;
    this.#modifiedMs = modifiedMs;
  }

  /**
   * Reads all of it: the checksum is part of the offer, so that a part can be gone on with.
   * @param onRead told of the bytes so far: a large file takes minutes
   */
  static async open(
    { source, path }: OutgoingFile,
    onRead?: (bytes: number) => Promise<void>,
  ): Promise<SourceFile> {
    const handle = await open(source);
    try {
      const { mtimeMs } = await handle.stat();
      const hash = createHash("sha256");
      const size = await hashInto(hash, handle, onRead);
      const offer: FileMessage = { type: "file", path, size, sha256: hash.digest("hex") };
      return new SourceFile(offer, handle, mtimeMs);
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** @returns bytes that are valid until the next call; none at the end. */
  async read(position: number): Promise<Buffer> {
    const length = Math.min(MAX_FRAME_BYTES, this.offer.size - position);
    const { bytesRead } = await this.#handle.read(this.#buffer, 0, length, position);
    return this.#buffer.subarray(0, bytesRead);
  }

  /** Since it was offered. */
  async hasChanged(): Promise<boolean> {
    const { size, mtimeMs } = await this.#handle.stat();
    return size !== this.offer.size || mtimeMs !== this.#modifiedMs;
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}
