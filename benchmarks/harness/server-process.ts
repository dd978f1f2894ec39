import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { forkModule, killed, watched } from "./child.ts";
import { loadRival } from "./load-rival.ts";
import type { Rival, ServerAddress, ServerProgram } from "./rival.ts";

const HOST = "127.0.0.1";
const START_MS = 60_000;

/** A rival's server in a process of its own, and what that costs. */
export class ServerProcess {
  readonly address: ServerAddress;
  readonly #child: ChildProcess;
  readonly #directory: string | undefined;

  private constructor(child: ChildProcess, address: ServerAddress, directory?: string) {
    this.#child = child;
    this.address = address;
    this.#directory = directory;
  }

  static async start(rivalUrl: string): Promise<ServerProcess> {
    const { server, prepare } = await loadRival(rivalUrl);
    const started = await ServerProcess.#launch(server, rivalUrl);
    try {
      await prepare?.(started.address);
      return started;
    } catch (error) {
      await started.stop();
      throw error;
    }
  }

  static async #launch(server: Rival["server"], rivalUrl: string): Promise<ServerProcess> {
    if ("listen" in server) {
      const child = forkModule("listen-process.ts", [rivalUrl, HOST]);
      const port = await within<number>(child, (settle) =>
        child.once("message", (message) => settle((message as { readonly port: number }).port)),
      );
      return new ServerProcess(child, { host: HOST, port });
    }
    const directory = await mkdtemp(join(tmpdir(), "lekt-bench-"));
    const { command, args, addressIn } = server.program(HOST, await freePort(), directory);
    const child = watched(spawn(command, args, { stdio: ["ignore", "pipe", "pipe"] }));
    const address = await within<ServerAddress>(child, (settle) => readAddress(child, addressIn, settle));
    return new ServerProcess(child, address, directory);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  async stop(): Promise<void> {
    await killed(this.#child);
    if (this.#directory) await rm(this.#directory, { recursive: true, force: true });
  }
}

function readAddress(
  child: ChildProcess,
  addressIn: ServerProgram["addressIn"],
  found: (address: ServerAddress) => void,
): void {
  for (const output of [child.stdout, child.stderr]) {
    if (!output) continue;
    createInterface({ input: output }).on("line", (line) => {
      const address = addressIn(line);
      if (address) found(address);
    });
  }
}

/** What `begin` tells, unless the child ends before that, or never gets so far. */
async function within<T>(child: ChildProcess, begin: (settle: (value: T) => void) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => fail("did not start in time"), START_MS);
    const settle = (value: T) => {
      clearTimeout(timer);
      child.off("exit", onExit);
      resolve(value);
    };
    const fail = (why: string) => {
      clearTimeout(timer);
      reject(new Error(`its server ${why}`));
      void killed(child);
    };
    const onExit = (code: number | null) => fail(`ended with exit code ${code} instead of listening`);
    child.once("exit", onExit);
    child.once("error", (error) => fail(`could not be started: ${error.message}`));
    begin(settle);
  });
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, HOST, resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
