import { constants } from "node:fs";
import { access, lstat, mkdir, realpath, statfs } from "node:fs/promises";
import { join } from "node:path";
import { LektError } from "@lekt/protocol";
import { orRefuse, Refusal } from "./refusal.ts";
import { sizeText } from "./size-text.ts";

/** The folder that received files go to. Nothing is written outside of it, and nothing in it is overwritten. */
export class DropFolder {
  /** Absolute, without symbolic links. */
  readonly path: string;
  /** Parts that are written to. */
  readonly #busy = new Set<string>();

  private constructor(path: string) {
    this.path = path;
  }

  /** Made where it is not there yet. @throws LektError `LEKT_OPTION`, also where it cannot be written to */
  static async open(path: string): Promise<DropFolder> {
    try {
      await mkdir(path, { recursive: true });
      await access(path, constants.W_OK | constants.X_OK);
      return new DropFolder(await realpath(path));
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException;
      throw new LektError("LEKT_OPTION", `'${path}' cannot be the folder for received files (${code}).`, {
        cause,
      });
    }
  }

  /** Makes what is missing of folders in each other; none of them may be a symbolic link. @throws Refusal */
  async make(names: readonly string[]): Promise<string> {
    await this.#walk(names, async (folder) => {
      await mkdir(folder).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== "EEXIST") throw error;
      });
    });
    return join(this.path, ...names);
  }

  /** That these are still folders in each other. @throws Refusal */
  async check(names: readonly string[]): Promise<void> {
    await this.#walk(names, async () => {});
  }

  /** Whether these are folders in each other. */
  async has(names: readonly string[]): Promise<boolean> {
    return this.check(names).then(
      () => true,
      () => false,
    );
  }

  /** @throws Refusal where the disk has no room for so many bytes */
  async checkSpace(bytes: number): Promise<void> {
    const { bavail, bsize } = await orRefuse(() => statfs(this.path));
    const free = bavail * bsize;
    if (bytes > free) {
      throw new Refusal(
        `the receiver's disk has room for ${sizeText(free)}, and ${sizeText(bytes)} are to come`,
      );
    }
  }

  /** A part is written to by one transfer at a time. @returns how to release it. @throws Refusal */
  reserve(partPath: string): () => void {
    if (this.#busy.has(partPath)) throw new Refusal("it is just being received from somebody");
    this.#busy.add(partPath);
    return () => this.#busy.delete(partPath);
  }

  async #walk(names: readonly string[], visit: (folder: string) => Promise<void>): Promise<void> {
    let folder = this.path;
    for (const name of names) {
      folder = join(folder, name);
      await orRefuse(() => visit(folder));
      const facts = await orRefuse(() => lstat(folder));
      if (!facts.isDirectory()) throw new Refusal("something that is no folder lies on its way");
    }
  }
}
