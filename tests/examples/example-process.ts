import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** An example, run as its first comment says. It is ended with the test. */
export class ExampleProcess {
  readonly child: ChildProcessByStdio<Writable, Readable, null>;
  readonly exit: Promise<unknown>;
  readonly #lines: string[] = [];
  #wake: () => void = () => {};

  constructor(example: string, args: readonly string[]) {
    const file = `examples/${example}/${example}.ts`;
    this.child = spawn(process.execPath, ["--import", "tsx", file, ...args], {
      cwd: root,
      stdio: ["pipe", "pipe", "inherit"],
    });
    this.exit = once(this.child, "exit");
    createInterface(this.child.stdout).on("line", (line) => {
      this.#lines.push(line);
      this.#wake();
    });
    onTestFinished(async () => {
      this.child.kill("SIGKILL");
      await this.exit;
    });
  }

  /** Waits for the line; what came before it is forgotten. */
  async line(expected: string | RegExp): Promise<string> {
    for (;;) {
      const at = this.#lines.findIndex((line) =>
        typeof expected === "string" ? line === expected : expected.test(line),
      );
      if (at >= 0) return this.#lines.splice(0, at + 1).at(-1) as string;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}
