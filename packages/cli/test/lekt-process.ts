import { type ChildProcess, type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import type { Readable, Writable } from "node:stream";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";

export const LEKT = fileURLToPath(new URL("../bin/lekt.js", import.meta.url));

export type Json = Record<string, unknown>;

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly input?: string | Uint8Array;
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs `lekt` to its end, as a user in a pipe does. */
export async function lekt(args: readonly string[], options: RunOptions = {}): Promise<Finished> {
  const child = start(args, options.env);
  child.stdin.on("error", () => {});
  child.stdin.end(options.input ?? "");
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "exit")]);
  return { code: child.exitCode, stdout, stderr };
}

/** The error that `--json` writes to stderr, behind what it has noted. */
export function errorOf({ stderr }: Finished): Json {
  return (JSON.parse(stderr.trim().split("\n").at(-1) as string) as { error: Json }).error;
}

/** A `lekt` that goes on, and writes lines. It is killed at the end of the test. */
export class RunningLekt {
  readonly child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #lines: string[] = [];
  readonly #exit: Promise<unknown>;
  readonly #stderr: Promise<string>;
  #rest = "";
  #hasEnded = false;
  #wake: () => void = () => {};

  /** @param launcher a command that runs the one behind it. */
  constructor(
    args: readonly string[],
    env?: Readonly<Record<string, string>>,
    launcher: readonly string[] = [],
  ) {
    this.child = start(args, env, launcher);
    // A test may close it itself.
    this.#stderr = text(this.child.stderr).catch(() => "");
    this.#exit = once(this.child, "exit");
    this.child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
      const lines = (this.#rest + chunk).split("\n");
      this.#rest = lines.pop() as string;
      this.#lines.push(...lines);
      this.#wake();
    });
    this.child.stdout.on("close", () => {
      this.#hasEnded = true;
      this.#wake();
    });
  }

  /** The next line that fits; those before it are passed over. */
  async line(fits: (line: string) => boolean): Promise<string> {
    for (;;) {
      for (let line = this.#lines.shift(); line !== undefined; line = this.#lines.shift()) {
        if (fits(line)) return line;
      }
      if (this.#hasEnded) throw new Error(`lekt ended without the line; stderr: ${await this.#stderr}`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** The next JSON line with this event. */
  async event(name: string, fits: (line: Json) => boolean = () => true): Promise<Json> {
    const line = await this.line((candidate) => {
      const json = JSON.parse(candidate) as Json;
      return json["event"] === name && fits(json);
    });
    return JSON.parse(line) as Json;
  }

  async end(signal?: NodeJS.Signals): Promise<Finished> {
    if (signal) this.child.kill(signal);
    await this.#exit;
    const stderr = await this.#stderr;
    return { code: this.child.exitCode, stdout: this.#lines.join("\n"), stderr };
  }
}

export interface RunningServer extends RunningLekt {
  readonly url: string;
  readonly port: number;
}

/** A server on a free port of 127.0.0.1. */
export async function serve(
  args: readonly string[] = [],
  env?: Readonly<Record<string, string>>,
): Promise<RunningServer> {
  const server = new RunningLekt(["serve", "--host", "127.0.0.1", "--port", "0", "--json", ...args], env);
  const { url, port } = await server.event("listening");
  return Object.assign(server, { url: url as string, port: port as number });
}

/** `lekt join --json` that is online. */
export async function join(url: string, name: string, args: readonly string[] = []): Promise<RunningLekt> {
  const peer = new RunningLekt(["join", url, "--name", name, "--json", ...args]);
  await peer.event("online");
  return peer;
}

/** Whether a line tells of a peer with this name. */
export function about(name: string): (line: Json) => boolean {
  return (line) => (line["peer"] as Json)["name"] === name;
}

export function killAtEnd(child: ChildProcess): void {
  onTestFinished(() => {
    child.kill("SIGKILL");
  });
}

function start(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  launcher: readonly string[] = [],
): ChildProcessByStdio<Writable, Readable, Readable> {
  const [program, ...rest] = [...launcher, process.execPath, LEKT, ...args];
  const child = spawn(program as string, rest, {
    stdio: "pipe",
    env: { ...withoutLekt(process.env), ...env },
  });
  killAtEnd(child);
  return child;
}

/** What the developer has set for himself, and vitest for itself, must not change the tests. */
function withoutLekt(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const isForeign = (name: string) => /^(LEKT_.*|npm_.*|FORCE_COLOR|NO_COLOR)$/.test(name);
  return Object.fromEntries(Object.entries(env).filter(([name]) => !isForeign(name)));
}
