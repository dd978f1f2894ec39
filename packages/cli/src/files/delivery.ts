import { lstat, mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { DropFolder } from "./drop-folder.ts";
import type { FileMessage } from "./file-messages.ts";
import { localPath, markerName, numberedFolder, partName } from "./file-names.ts";
import { FilePart } from "./file-part.ts";
import { IncomingFile, MAX_SAME_NAMES } from "./incoming-file.ts";
import { orRefuse, Refusal } from "./refusal.ts";
import { storedCopy } from "./stored-copy.ts";

/** What is to be done about a file that is offered. */
export type Intake =
  | { readonly type: "there"; readonly name: string }
  | { readonly type: "wanted"; readonly file: IncomingFile };

/**
 * What one sender brings. Each folder that it names becomes a fresh one ("photos", "photos-2"): to folders that are
 * there nobody adds. A file in it marks whose it is until the delivery is complete, so that after a break the same
 * sender goes on in the same folder.
 */
export class Delivery {
  readonly #root: DropFolder;
  readonly #marker: string;
  /** Folders as the sender names them → where it may add; undefined where it has none yet. */
  readonly #given = new Map<string, string | undefined>();

  /** @param sender its identity, 64 hex digits */
  constructor(root: DropFolder, sender: string) {
    this.#root = root;
    this.#marker = markerName(sender);
  }

  /** @throws Refusal */
  async take({ path, size, sha256 }: FileMessage): Promise<Intake> {
    const names = localPath(path);
    if (!names) {
      throw new Refusal(
        "its name is not allowed: it has a slash, a backslash or a control character, or is too long; rename it",
      );
    }
    const [top, ...below] = names.slice(0, -1);
    const name = names.at(-1) as string;
    for await (const folders of this.#candidates(top, below)) {
      const folder = join(this.#root.path, ...folders);
      const same = await orRefuse(() => storedCopy(folder, name, size, sha256));
      if (same !== undefined) return { type: "there", name: [...folders, same].join("/") };
    }
    const folders = top === undefined ? [] : [await this.#folderFor(top), ...below];
    const folder = await this.#root.make(folders);
    const partPath = join(folder, partName(name, sha256));
    const release = this.#root.reserve(partPath);
    try {
      const part = await FilePart.open(partPath, size, sha256);
      const file = new IncomingFile(part, { root: this.#root, folders, name, release });
      await this.#root.checkSpace(size - part.length).catch(async (error) => {
        await file.keep();
        throw error;
      });
      return { type: "wanted", file };
    } catch (error) {
      release();
      throw error;
    }
  }

  /** All of it is here: nobody adds to its folders any more. */
  async complete(): Promise<void> {
    for (const folder of this.#given.values()) {
      if (folder === undefined) continue;
      // Where it stays, it lets in this sender alone.
      await rm(join(this.#root.path, folder, this.#marker), { force: true }).catch(() => {});
    }
  }

  /** Where the same file may be: as after a break, or where all is sent once more. */
  async *#candidates(top: string | undefined, below: readonly string[]): AsyncGenerator<readonly string[]> {
    if (top === undefined) {
      yield [];
      return;
    }
    const given = await this.#givenFor(top);
    if (given !== undefined && (await this.#root.has([given, ...below]))) yield [given, ...below];
    for (let number = 1; number <= MAX_SAME_NAMES; number++) {
      const folder = numberedFolder(top, number);
      if (!(await exists(join(this.#root.path, folder)))) return;
      if (folder !== given && (await this.#root.has([folder, ...below]))) yield [folder, ...below];
    }
  }

  /** The folder that stands for this one: of an earlier delivery that broke, or a fresh one. @throws Refusal */
  async #folderFor(top: string): Promise<string> {
    const given = (await this.#givenFor(top)) ?? (await orRefuse(() => this.#freshFolder(top)));
    this.#given.set(top, given);
    return given;
  }

  async #givenFor(top: string): Promise<string | undefined> {
    if (!this.#given.has(top)) this.#given.set(top, await this.#unfinishedFolder(top));
    return this.#given.get(top);
  }

  async #unfinishedFolder(top: string): Promise<string | undefined> {
    for (let number = 1; number <= MAX_SAME_NAMES; number++) {
      const folder = numberedFolder(top, number);
      if (!(await this.#root.has([folder]))) continue;
      if (await exists(join(this.#root.path, folder, this.#marker))) return folder;
    }
    return undefined;
  }

  /** The file system itself decides what is taken, also where "Photos" and "photos" are one name. */
  async #freshFolder(top: string): Promise<string> {
    for (let number = 1; number <= MAX_SAME_NAMES; number++) {
      const folder = numberedFolder(top, number);
      try {
        await mkdir(join(this.#root.path, folder));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
        continue;
      }
      await writeFile(join(this.#root.path, folder, this.#marker), "", { flag: "wx" });
      return folder;
    }
    throw new Refusal(`the receiver has ${MAX_SAME_NAMES} folders of this name already`);
  }
}

async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}
