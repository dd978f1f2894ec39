import { access, constants } from "node:fs/promises";
import { delimiter, join } from "node:path";

/** Whether a program can be started by its name. */
export async function isOnPath(name: string): Promise<boolean> {
  for (const directory of (process.env["PATH"] ?? "").split(delimiter)) {
    const found = access(join(directory, name), constants.X_OK).then(
      () => true,
      () => false,
    );
    if (await found) return true;
  }
  return false;
}
