import { createHash, type Hash } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, open, rm } from "node:fs/promises";
import { orRefuse, Refusal } from "./refusal.ts";

const CHUNK_BYTES = 262_144;
// A link that lies there is not followed. Windows knows no such flag.
const FLAGS = constants.O_RDWR | constants.O_CREAT | (constants.O_NOFOLLOW ?? 0);
/** Nobody runs what was received, unless its owner says so. */
const MODE = 0o644;
const PERMISSIONS = 0o7777;

/** A file that is not whole yet, and its checksum so far. */
export class FilePart {
  readonly path: string;
  readonly #handle: FileHandle;
  readonly #size: number;
  readonly #sha256: string;
  readonly #hash: Hash = createHash("sha256");
  #length = 0;

  private constructor(path: string, handle: FileHandle, size: number, sha256: string) {
    this.path = path;
    this.#handle = handle;
    this.#size = size;
    this.#sha256 = sha256;
  }

  /** Goes on with the part that lies there, or begins one. @throws Refusal */
  static async open(path: string, size: number, sha256: string): Promise<FilePart> {
    const handle = await orRefuse(() => open(path, FLAGS, MODE));
    const part = new FilePart(path, handle, size, sha256);
    try {
      await orRefuse(() => part.#resume());
      return part;
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** Bytes that are here. */
  get length(): number {
    return this.#length;
  }

  async #resume(): Promise<void> {
    const facts = await this.#handle.stat();
    if (!facts.isFile() || facts.nlink !== 1)
      throw new Refusal("something else lies where its part would be");
    if (facts.size > this.#size) await this.#handle.truncate(0);
    this.#length = await hashInto(this.#hash, this.#handle);
  }

  /** @throws Refusal, or an error where the sender sends too much */
  async write(bytes: Buffer): Promise<void> {
    await orRefuse(async () => {
      for (let written = 0; written < bytes.length; ) {
        const rest = bytes.length - written;
        const { bytesWritten } = await this.#handle.write(bytes, written, rest, this.#length + written);
        written += bytesWritten;
      }
    });
    this.#hash.update(bytes);
    this.#length += bytes.length;
  }

  /** It stays, to be gone on with; an empty one does not. */
  async keep(): Promise<void> {
    await this.#handle.close();
    if (this.#length === 0) await rm(this.path, { force: true });
  }

  async drop(): Promise<void> {
    await this.#handle.close();
    await rm(this.path, { force: true });
  }

  /** To be called once all has come. @throws Refusal where it is not what was announced: it is removed. */
  async seal(): Promise<void> {
    if (this.#length !== this.#size || this.#hash.digest("hex") !== this.#sha256) {
      await this.drop();
      throw new Refusal("its checksum is wrong: it changed while it was sent, or was damaged; send it again");
    }
    try {
      await this.#restrict();
    } finally {
      await this.#handle.close();
    }
  }

  /** A part that was there may have had another mode. */
  async #restrict(): Promise<void> {
    const { mode } = await this.#handle.stat();
    if ((mode & PERMISSIONS & ~MODE) === 0) return;
    await this.#handle.chmod(mode & MODE).catch((error: NodeJS.ErrnoException) => {
      // FAT: who mounted it has chosen the mode of all files.
      if (error.code !== "EPERM") throw error;
    });
  }
}

/** @param onRead told of the bytes so far. @returns bytes read from the start to the end. */
export async function hashInto(
  hash: Hash,
  handle: FileHandle,
  onRead?: (bytes: number) => Promise<void>,
): Promise<number> {
  const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
  for (let position = 0; ; ) {
    const { bytesRead } = await handle.read(buffer, 0, CHUNK_BYTES, position);
    if (bytesRead === 0) return position;
    hash.update(buffer.subarray(0, bytesRead));
    position += bytesRead;
    await onRead?.(position);
  }
}
