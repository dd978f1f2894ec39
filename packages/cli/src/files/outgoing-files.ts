import type { Stats } from "node:fs";
import { lstat, opendir, stat } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { LektError } from "@lekt/protocol";

/** Files of one transfer. */
const MAX_OUTGOING_FILES = 100_000;

/** A file that is to be sent. */
export interface OutgoingFile {
  /** Where it lies on this machine. */
  readonly source: string;
  /** What the receiver is told: the folders from the named one on, and the file's name. */
  readonly path: readonly string[];
  /** As it was when the files were listed. */
  readonly size: number;
}

export interface OutgoingFiles {
  readonly files: readonly OutgoingFile[];
  /** Symbolic links in folders, devices and the like. */
  readonly skipped: readonly string[];
}

/**
 * The files that were named, and those in the folders that were named. A symbolic link is followed where it
 * is named itself, and skipped in a folder: it could lead anywhere.
 * @throws LektError `LEKT_OPTION`
 */
export async function outgoingFiles(
  sources: readonly string[],
  maxFiles = MAX_OUTGOING_FILES,
): Promise<OutgoingFiles> {
  const files: OutgoingFile[] = [];
  const skipped: string[] = [];

  const addFile = (source: string, path: readonly string[], size: number) => {
    if (files.length >= maxFiles) {
      throw new LektError(
        "LEKT_OPTION",
        `More than ${maxFiles} files cannot be sent at once: send some of the folders, or an archive.`,
      );
    }
    files.push({ source, path, size });
  };

  const addFolder = async (folder: string, path: readonly string[]): Promise<void> => {
    const names: string[] = [];
    for await (const { name } of await opendir(folder)) names.push(name);
    for (const name of names.sort()) {
      const source = join(folder, name);
      const facts = await lstatUnlessGone(source);
      if (!facts) {
        if (name.includes(REPLACEMENT)) throw cannotSend(source, "its name is no valid UTF-8: rename it");
      } else if (facts.isDirectory()) await addFolder(source, [...path, name]);
      else if (facts.isFile()) addFile(source, [...path, name], facts.size);
      else skipped.push(source);
    }
  };

  for (const source of sources) {
    const name = basename(resolve(source));
    if (name === "") throw cannotSend(source, "it has no name");
    try {
      const facts = await stat(source);
      if (facts.isDirectory()) await addFolder(source, [name]);
      else if (facts.isFile()) addFile(source, [name], facts.size);
      else throw cannotSend(source, "it is neither a file nor a folder");
    } catch (error) {
      throw error instanceof LektError ? error : cannotSend(source, whyNot(error));
    }
  }
  if (files.length === 0) throw new LektError("LEKT_OPTION", "There is nothing to send: no file was found.");
  return { files, skipped };
}

/** What Node.js gives in place of bytes of a name that are no UTF-8. */
const REPLACEMENT = "\ufffd";

/** @returns undefined where it was taken away since its folder was read */
async function lstatUnlessGone(path: string): Promise<Stats | undefined> {
  return lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") throw error;
    return undefined;
  });
}

function whyNot(error: unknown): string {
  const { code, path } = error as NodeJS.ErrnoException;
  if (code === "ENOENT") return "there is no such file";
  return `${path ?? "it"} cannot be read (${code})`;
}

function cannotSend(source: string, why: string): LektError {
  return new LektError("LEKT_OPTION", `'${source}' cannot be sent: ${why}.`);
}
