import { constants } from "node:fs";
import { copyFile, link, rm } from "node:fs/promises";
import { join } from "node:path";
import type { DropFolder } from "./drop-folder.ts";
import { numberedName } from "./file-names.ts";
import type { FilePart } from "./file-part.ts";
import { orRefuse, Refusal } from "./refusal.ts";

/** Files of one name: "a.txt" … "a (100).txt"; folders: "photos" … "photos-100". */
export const MAX_SAME_NAMES = 100;

interface Place {
  readonly root: DropFolder;
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
  async finish(): Promise<string> {
    const { root, folders, name, release } = this.#place;
    try {
      return await orRefuse(async () => {
        await this.#part.seal();
        // Somebody may have put a link in the place of a folder meanwhile.
        await root.check(folders);
        const given = await placed(this.#part.path, join(root.path, ...folders), name);
        await rm(this.#part.path, { force: true });
        return [...folders, given].join("/");
      });
    } finally {
      release();
    }
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
