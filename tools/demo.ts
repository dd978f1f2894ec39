/**
 * `npm run demo`: a server and three peers as separate processes, which come, see each other and leave.
 * Exit code 0 only where everybody saw everything that they should.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const LEKT = fileURLToPath(new URL("../packages/cli/bin/lekt.js", import.meta.url));
const TIME_LIMIT_MS = 10_000;
/** So that people can follow. */
const PAUSE_MS = 600;

/** What the demo reads of a line of `lekt … --json`. */
interface Line {
  readonly event: string;
  readonly url?: string;
  readonly peer?: { readonly name: string };
  readonly peers?: readonly { readonly name: string; readonly tcp?: { readonly port: number } }[];
}

const startMs = performance.now();
const running = new Set<ChildProcess>();

function say(text: string): void {
  const seconds = ((performance.now() - startMs) / 1_000).toFixed(1).padStart(4);
  process.stdout.write(`${seconds} s  ${text}\n`);
}

/** A `lekt` command as a process of its own. */
class Lekt {
  readonly name: string;
  readonly child: ChildProcess;
  readonly #lines: Line[] = [];
  readonly #exited: Promise<unknown[]>;
  #wake: () => void = () => {};

  constructor(name: string, args: readonly string[]) {
    this.name = name;
    this.child = spawn(process.execPath, [LEKT, ...args, "--json"], { stdio: ["ignore", "pipe", "inherit"] });
    this.#exited = once(this.child, "exit");
    running.add(this.child);
    this.child.on("exit", () => {
      running.delete(this.child);
      this.#wake();
    });
    if (!this.child.stdout) throw new Error(`${name} has no stdout`);
    createInterface({ input: this.child.stdout }).on("line", (text) => {
      this.#lines.push(JSON.parse(text) as Line);
      this.#wake();
    });
  }

  /** The first line that fits, of those that came already and those to come. */
  async sees(what: string, fits: (line: Line) => boolean): Promise<Line> {
    for (;;) {
      const line = this.#lines.find(fits);
      if (line) {
        this.#lines.splice(this.#lines.indexOf(line), 1);
        say(`${this.name} sees ${what}`);
        return line;
      }
      if (!running.has(this.child)) throw new Error(`${this.name} ended and did not see ${what}`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** @returns the exit code; null where the signal ended the process. */
  async end(signal: NodeJS.Signals): Promise<number | null> {
    this.child.kill(signal);
    const [code] = await this.#exited;
    return code as number | null;
  }

  /** Ends in order, which is exit code 0. */
  async leave(): Promise<void> {
    const code = await this.end("SIGINT");
    if (code !== 0) throw new Error(`${this.name} ended with exit code ${code}`);
  }
}

async function join(url: string, name: string, port: number, others: readonly Lekt[]): Promise<Lekt> {
  const peer = new Lekt(name, ["join", url, "--name", name, "--tcp", `${port}`]);
  const here = others.map((other) => other.name).sort();
  const { peers = [] } = await peer.sees(
    here.length === 0 ? "that nobody else is there yet" : `${here.join(" and ")} there already`,
    (line) => line.event === "online",
  );
  const seen = peers.map((other) => other.name).sort();
  if (seen.join() !== here.join()) throw new Error(`${name} sees ${seen.join(", ")}, not ${here.join(", ")}`);
  for (const other of others) await other.sees(`${name} come`, isAbout("joined", name));
  return peer;
}

function isAbout(event: string, name: string): (line: Line) => boolean {
  return (line) => line.event === event && line.peer?.name === name;
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
}

async function demo(): Promise<void> {
  const server = new Lekt("the server", [
    "serve",
    "--host",
    "127.0.0.1",
    "--port",
    "0",
    "--log-level",
    "warn",
  ]);
  const { url } = await server.sees("its port open", (line) => line.event === "listening");
  const network = `${url}/demo`;
  say(`everybody joins ${network}`);
  const ada = await join(network, "ada", 4001, []);
  await pause();
  const grace = await join(network, "grace", 4002, [ada]);
  await pause();
  const linus = await join(network, "linus", 4003, [ada, grace]);
  await pause();
  say("linus is killed (SIGKILL) and can tell nobody");
  await linus.end("SIGKILL");
  for (const peer of [ada, grace]) await peer.sees("linus leave", isAbout("left", "linus"));
  await pause();
  say("grace leaves in order (SIGINT)");
  await grace.leave();
  await ada.sees("grace leave", isAbout("left", "grace"));
  await pause();
  await ada.leave();
  await server.leave();
  say("everybody saw everything that they should");
}

process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => process.exit(1));

const tooLate = setTimeout(() => {
  say(`failed: this should not take more than ${TIME_LIMIT_MS / 1_000} seconds`);
  process.exit(1);
}, TIME_LIMIT_MS);

try {
  await demo();
  clearTimeout(tooLate);
} catch (error) {
  say(`failed: ${error instanceof Error ? error.message : String(error)}`);
  process.exit(1);
}
