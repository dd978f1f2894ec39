import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { LoadReport } from "./rows.ts";

const LEKT = fileURLToPath(new URL("../../packages/cli/bin/lekt.js", import.meta.url));
const TICK_MS = "20";
/** A benchmark is no stranger. */
const NO_LIMITS = [
  ...["--heartbeats-per-second", "0", "--max-clients", "19500", "--max-clients-per-network", "20000"],
  ...["--max-clients-per-address", "100000", "--max-connections-per-second", "100000"],
];
const RUN_LIMIT_MS = 180_000;

export type Contestant = "lektlimit" | "lekt";

/** The command of a server, which listens on 127.0.0.1. */
function serverCommand(contestant: Contestant, folder: string, port: number): [string, ...string[]] {
  if (contestant === "lektlimit") {
    return [join(folder, "lektlimit"), "--port", `${port}`, "--tick", TICK_MS, "--no-rate-limit"];
  }
  const listening = ["--host", "127.0.0.1", "--port", `${port}`, "--tick-ms", TICK_MS, "--log-level", "warn"];
  return [process.execPath, LEKT, "serve", ...listening, ...NO_LIMITS];
}

/**
 * One run: a fresh server on the first core, the load on the second.
 * @param folder where `lektload` and `lektlimit` are.
 */
export async function run(
  contestant: Contestant,
  folder: string,
  args: readonly string[],
): Promise<LoadReport> {
  const port = await freePort();
  const command = serverCommand(contestant, folder, port);
  const server = spawn("taskset", ["-c", "0", ...command], { stdio: ["ignore", "pipe", "inherit"] });
  try {
    await listening(contestant, server);
    const load = [
      "-c",
      "1",
      join(folder, "lektload"),
      ...args,
      "--port",
      `${port}`,
      "--server-pid",
      `${server.pid}`,
    ];
    const { stdout } = await promisify(execFile)("taskset", load, { timeout: RUN_LIMIT_MS });
    // `idle` has a line of its own for the moment at which all are in.
    return Object.assign(
      {},
      ...stdout
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as LoadReport),
    );
  } finally {
    const ended = once(server, "exit");
    server.kill("SIGTERM");
    await ended;
  }
}

/** `lekt serve` prints where it listens; the C server prints nothing and is there at once. */
async function listening(contestant: Contestant, { stdout }: ChildProcess): Promise<void> {
  if (contestant === "lekt" && stdout) await once(stdout, "data");
  else await sleep(300);
  stdout?.resume();
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as { port: number };
  probe.close();
  await once(probe, "close");
  return port;
}
