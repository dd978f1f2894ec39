import { randomUUID } from "node:crypto";
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { LektError } from "@lekt/protocol";

/** Files in the user's configuration that nobody else can read. They are never seen half written. */

const OWNER_ONLY = 0o600;
const OTHERS = 0o077;

/** @returns undefined where there is no such file. @throws LektError `LEKT_OPTION` where others could read it */
export function readPrivateFile(path: string): string | undefined {
  try {
    if (process.platform !== "win32" && statSync(path).mode & OTHERS) {
      throw new LektError("LEKT_OPTION", `Others can read ${path}: run chmod 600 on it, if nobody did.`);
    }
    return readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw fileError("read", path, error);
  }
}

/** Replaces what is there. @throws LektError `LEKT_OPTION` */
export function writePrivateFile(path: string, text: string): void {
  withDraft(path, text, (draft) => renameSync(draft, path));
}

/** @returns false where the file is there already: it stays as it is. @throws LektError `LEKT_OPTION` */
export function createPrivateFile(path: string, text: string): boolean {
  return withDraft(path, text, (draft) => {
    try {
      linkSync(draft, path);
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
      throw error;
    }
  });
}

function withDraft<T>(path: string, text: string, finish: (draft: string) => T): T {
  const draft = `${path}.${randomUUID()}`;
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    writeFileSync(draft, text, { mode: OWNER_ONLY });
    return finish(draft);
  } catch (error) {
    throw fileError("write", path, error);
  } finally {
    rmSync(draft, { force: true });
  }
}

function fileError(verb: string, path: string, error: unknown): unknown {
  const { code } = error as NodeJS.ErrnoException;
  if (error instanceof LektError || !code) return error;
  return new LektError(
    "LEKT_OPTION",
    `${path} cannot be ${verb === "read" ? "read" : "written"} (${code}).`,
    {
      cause: error,
    },
  );
}
