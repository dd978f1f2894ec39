import { readFileSync } from "node:fs";
import { formatVersion, PROTOCOL_VERSION } from "@lekt/protocol";

/** "lekt 0.1.0, protocol 1.0.0" */
export function versionText(): string {
  const file = readFileSync(new URL("../package.json", import.meta.url), "utf8");
  const { version } = JSON.parse(file) as { version: string };
  return `lekt ${version}, protocol ${formatVersion(PROTOCOL_VERSION)}`;
}
