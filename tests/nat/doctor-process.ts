/** `lekt doctor`, run in this process' namespace; sends what it wrote. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";

/** What `lekt doctor` wrote. */
export interface Diagnosis {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const lekt = fileURLToPath(new URL("../../packages/cli/bin/lekt.js", import.meta.url));
const folder = await mkdtemp(join(tmpdir(), "lekt-doctor-"));
const child = spawn(process.execPath, [lekt, "doctor", ...process.argv.slice(2)], {
  stdio: ["ignore", "pipe", "pipe"],
  env: { ...process.env, XDG_CONFIG_HOME: folder },
});
const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
await rm(folder, { recursive: true });
const diagnosis: Diagnosis = { code: child.exitCode, stdout, stderr };
process.send?.(diagnosis, () => process.exit());
