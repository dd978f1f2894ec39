import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { copyFile, link, lstat, mkdir, open, realpath, rm, statfs } from "node:fs/promises";
import { join } from "node:path";
import { LektError } from "@lekt/protocol";
import type { FileMessage } from "./file-messages.ts";
import { localPath, numberedName, partName } from "./file-names.ts";
import { FilePart, hashInto } from "./file-part.ts";
import { orRefuse, Refusal } from "./refusal.ts";

/** Files of one name: "a.txt" … "a (100).txt". */
export const MAX_SAME_NAMES = 100;

/** What is to be done about a file that is offered. */
export type Intake =
  | { readonly type: "there"; readonly name: string }
  | { readonly type: "wanted"; readonly file: IncomingFile };

/** The folder that received files go to. Nothing is written outside of it, and nothing in it is overwritten. */
export class DropFolder {
  /** Absolute, without symbolic links. */
  readonly path: string;
  /** Parts that are written to. */
  readonly #busy = new Set<string>();

  private constructor(path: string) {
    this.path = path;
  }

  /** Made where it is not there yet. @throws LektError `LEKT_OPTION` */
  static async open(path: string): Promise<DropFolder> {
    try {
      await mkdir(path, { recursive: true });
      return new DropFolder(await realpath(path));
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException;
      throw new LektError("LEKT_OPTION", `'${path}' cannot be the folder for received files (${code}).`, {
        cause,
      });
    }
  }

  /** @throws Refusal */
  async take({ path, size, sha256 }: FileMessage): Promise<Intake> {
    const names = localPath(path);
    if (!names) throw new Refusal("its name is not allowed: it could lead out of the receiver's folder");
    const folders = names.slice(0, -1);
    const name = names.at(-1) as string;
    const folder = await orRefuse(() => this.#folder(folders));
    const same = await orRefuse(() => storedCopy(folder, name, size, sha256));
    if (same !== undefined) return { type: "there", name: [...folders, same].join("/") };
    const partPath = join(folder, partName(name, sha256));
    if (this.#busy.has(partPath)) throw new Refusal("it is just being received from somebody");
    this.#busy.add(partPath);
    const release = () => this.#busy.delete(partPath);
    try {
      const part = await FilePart.open(partPath, size, sha256);
      const file = new IncomingFile(part, { folder, folders, name, release });
      await checkSpace(folder, size - part.length).catch(async (error) => {
        await file.keep();
        throw error;
      });
      return { type: "wanted", file };
    } catch (error) {
      release();
      throw error;
    }
  }

  /** Makes the folders on the way; none of them may be a symbolic link. */
  async #folder(names: readonly string[]): Promise<string> {
    let folder = this.path;
    for (const name of names) {
      folder = join(folder, name);
      await mkdir(folder).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== "EEXIST") throw error;
      });
      const facts = await lstat(folder);
      if (!facts.isDirectory()) throw new Refusal("something that is no folder lies on its way");
    }
    return folder;
  }
}

interface Place {
  readonly folder: string;
  readonly folders: readonly string[];
  readonly name: string;
  readonly release: () => void;
}

/** A file that is being received: to be ended by one of `keep`, `drop` and `finish`. */
export class IncomingFile {
  readonly #part: FilePart;
  readonly #place: Place;

  constructor(part: FilePart, place: Place) {
    this.#part = part;
    this.#place = place;
  }

  /** Bytes that are here. */
  get length(): number {
    return this.#part.length;
  }

  /** @throws Refusal */
  async write(bytes: Buffer): Promise<void> {
    await this.#part.write(bytes);
  }

  async keep(): Promise<void> {
    this.#place.release();
    await this.#part.keep();
  }

  async drop(): Promise<void> {
    this.#place.release();
    await this.#part.drop();
  }

  /** Checks the whole, and only then gives it its name. @returns that, with / between names. @throws Refusal */
  async finish(executable: boolean): Promise<string> {
    const { folder, folders, name, release } = this.#place;
    try {
      return await orRefuse(async () => {
        await this.#part.seal(executable);
        const given = await placed(this.#part.path, folder, name);
        await rm(this.#part.path, { force: true });
        return [...folders, given].join("/");
      });
    } finally {
      release();
    }
  }
}

/** @throws Refusal where the disk has no room for so many bytes */
async function checkSpace(folder: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  const free = bavail * bsize;
  if (bytes > free) {
    throw new Refusal(`the receiver's disk has room for ${free} bytes more, and ${bytes} are to come`);
  }
}

/** Gives the part the first name that is free. */
async function placed(part: string, folder: string, name: string): Promise<string> {
  for (let number = 1; number <= MAX_SAME_NAMES; number++) {
    const candidate = numberedName(name, number);
    try {
      await linkOrCopy(part, join(folder, candidate));
      return candidate;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
  }
  throw new Refusal(`the receiver has ${MAX_SAME_NAMES} files of this name already`);
}

/** The file system itself refuses a name that is taken, whatever it holds for the same name. */
async function linkOrCopy(from: string, to: string): Promise<void> {
  try {
    await link(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") throw error;
    // FAT and some network drives have no links.
    await copyFile(from, to, constants.COPYFILE_EXCL);
  }
}

/** @returns the name of the same file with the same content, where it is there: as after a break of a whole folder. */
async function storedCopy(
  folder: string,
  name: string,
  size: number,
  sha256: string,
): Promise<string | undefined> {
  for (let number = 1; number <= MAX_SAME_NAMES; number++) {
    const candidate = numberedName(name, number);
    const facts = await lstat(join(folder, candidate)).catch(() => undefined);
    if (!facts) return undefined;
    if (!facts.isFile() || facts.size !== size) continue;
    if ((await checksumOf(join(folder, candidate))) === sha256) return candidate;
  }
  return undefined;
}

async function checksumOf(path: string): Promise<string> {
  await using handle = await open(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0));
  const hash = createHash("sha256");
  await hashInto(hash, handle);
  return hash.digest("hex");
}
