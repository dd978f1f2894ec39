import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { killAtEnd } from "./lekt-process.ts";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));

it("npm run demo shows peers that come, see each other and leave", async () => {
  const child = spawn(process.execPath, ["--import", "tsx", "tools/demo.ts"], {
    cwd: ROOT,
    stdio: ["ignore", "pipe", "pipe"],
  });
  killAtEnd(child);
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "exit")]);
  expect(stderr).toBe("");
  for (const line of [
    "ada sees grace come",
    "grace sees ada there already",
    "linus sees ada and grace there already",
    "ada sees linus leave",
    "ada sees grace leave",
    "everybody saw everything that they should",
  ]) {
    expect(stdout).toContain(line);
  }
  expect(child.exitCode).toBe(0);
});
