import { type ChildProcessByStdio, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { LektError } from "@lekt/protocol";

/** Where a client is told to go. */
export interface Destination {
  readonly host: string;
  readonly port: number;
  /** A segment of a URL, percent-encoded. */
  readonly network: string;
}

/** A client that runs. */
export interface RunningClient {
  /** Why it ended, when it has. */
  readonly ended: Promise<string>;
  /** Ends it, with all that it started. */
  stop(): void;
}

/** A client program that can be started again and again: a command, or a double in tests. */
export interface ClientProgram {
  /** Whether it is told the network's name. */
  readonly takesNetwork: boolean;
  /** @param onLine is given each line that it prints. */
  start(to: Destination, onLine: (line: string) => void): RunningClient;
}

const MAX_STDERR_CHARACTERS = 500;
const MAX_OUTPUT_BYTES = 4 * 1_024 * 1_024;

/** What must not outlive us, by the ids of their process groups. */
const running = new Set<number>();
let watchesExit = false;

/**
 * A command with `{url}`, or `{host}`, `{port}` and `{network}`. There is no shell: it is split at white
 * space, and what stands in '…' or "…" stays together.
 * @throws LektError `LEKT_OPTION`
 */
export function commandProgram(command: string): ClientProgram {
  const words = splitCommand(command);
  if (words.length === 0) throw new LektError("LEKT_OPTION", "The command is empty.");
  if (!/\{url\}|\{port\}/.test(command)) {
    throw new LektError(
      "LEKT_OPTION",
      "The command has neither {url} nor {port}: it would not know where to go.",
    );
  }
  return {
    takesNetwork: /\{url\}|\{network\}/.test(command),
    start: (to, onLine) =>
      startCommand(
        words.map((word) => fill(word, to)),
        onLine,
      ),
  };
}

function splitCommand(command: string): string[] {
  const words: string[] = [];
  for (const [, double, single, plain] of command.matchAll(/"([^"]*)"|'([^']*)'|([^\s"']+)/g)) {
    words.push(double ?? single ?? plain ?? "");
  }
  return words;
}

function fill(word: string, { host, port, network }: Destination): string {
  return word
    .replaceAll("{url}", `lekt://${host}:${port}/${network}`)
    .replaceAll("{host}", host)
    .replaceAll("{port}", String(port))
    .replaceAll("{network}", decodeURIComponent(network));
}

function startCommand(words: readonly string[], onLine: (line: string) => void): RunningClient {
  const [file = "", ...args] = words;
  // A group of its own, so that what it starts itself is ended with it.
  const child = spawn(file, args, { stdio: ["ignore", "pipe", "pipe"], detached: true });
  remember(child.pid);
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr = (stderr + text).slice(-MAX_STDERR_CHARACTERS);
  });
  readLines(child, onLine);
  const ended = new Promise<string>((resolve) => {
    child.once("error", (error: NodeJS.ErrnoException) =>
      resolve(`it cannot be started (${error.code ?? error.message})`),
    );
    child.once("close", (code, signal) => {
      const said = stderr.trim().split("\n").at(-1);
      resolve(`it ended with ${signal ?? `exit code ${code}`}${said ? `: ${said}` : ""}`);
    });
  });
  return { ended, stop: () => stopGroup(child.pid) };
}

function readLines(
  child: ChildProcessByStdio<null, Readable, Readable>,
  onLine: (line: string) => void,
): void {
  let bytes = 0;
  child.stdout.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > MAX_OUTPUT_BYTES) stopGroup(child.pid);
  });
  createInterface(child.stdout).on("line", onLine);
}

function remember(pid: number | undefined): void {
  if (pid === undefined) return;
  running.add(pid);
  if (watchesExit) return;
  watchesExit = true;
  process.once("exit", () => {
    for (const each of running) stopGroup(each);
  });
}

function stopGroup(pid: number | undefined): void {
  if (pid === undefined || !running.delete(pid)) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // It has ended already.
  }
}
