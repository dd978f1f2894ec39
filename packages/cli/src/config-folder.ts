import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";

/** Where `lekt` keeps what outlives a command, by the rules of the XDG base directories. It need not be there yet. */
export function configFolder(env: NodeJS.ProcessEnv): string {
  const { XDG_CONFIG_HOME: given = "" } = env;
  // A relative path is to be ignored.
  return join(isAbsolute(given) ? given : join(env["HOME"] || homedir(), ".config"), "lekt");
}
