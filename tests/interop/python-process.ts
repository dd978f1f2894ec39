import { type ChildProcessByStdio, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";

const folder = fileURLToPath(new URL("../../examples/python/", import.meta.url));

/** Where there is no Python the tests say so and are passed over, but never on CI. */
export const lacksPython = !process.env["CI"] && spawnSync("python3", ["--version"]).error !== undefined;
if (lacksPython) console.warn("python3 is not installed: the second implementation is not tested");

/** One of the programs in examples/python, which writes a JSON object a line. It is ended with the test. */
export class PythonProcess {
  readonly child: ChildProcessByStdio<null, Readable, null>;
  readonly exit: Promise<unknown>;
  readonly #seen: Record<string, unknown>[] = [];
  #wake: () => void = () => {};

  constructor(program: string, args: readonly string[]) {
    this.child = spawn("python3", [program, ...args], { cwd: folder, stdio: ["ignore", "pipe", "inherit"] });
    this.exit = once(this.child, "exit");
    createInterface(this.child.stdout).on("line", (line) => {
      this.#seen.push(JSON.parse(line) as Record<string, unknown>);
      this.#wake();
    });
    onTestFinished(async () => {
      this.child.kill("SIGKILL");
      await this.exit;
    });
  }

  /** The next event of this kind for which it holds; what came before it is forgotten. */
  async event(
    kind: string,
    holds: (event: Record<string, unknown>) => boolean = () => true,
  ): Promise<Record<string, unknown>> {
    for (;;) {
      const at = this.#seen.findIndex((event) => event["event"] === kind && holds(event));
      if (at >= 0) return this.#seen.splice(0, at + 1).at(-1) as Record<string, unknown>;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

/** Runs a program to its end. */
export async function runPython(
  program: string,
  args: readonly string[],
): Promise<{ code: number | null; lastLine: string | undefined }> {
  const child = spawn("python3", [program, ...args], { cwd: folder, stdio: ["ignore", "pipe", "inherit"] });
  const [output] = await Promise.all([text(child.stdout), once(child, "exit")]);
  return { code: child.exitCode, lastLine: output.trimEnd().split("\n").at(-1) };
}
