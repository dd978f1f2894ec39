import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";

/** Names are this, the process that made them, a number and what it is: `lekt-nat-1234-1-left`. */
const PREFIX = "lekt-nat-";
const NAMESPACES = "/run/netns";

let made = 0;

/** Why there can be no network namespaces here; undefined where there can. */
export function namespaceObstacle(): string | undefined {
  if (process.platform !== "linux") return "network namespaces are a thing of Linux";
  if (process.getuid?.() !== 0) return "only root can make network namespaces";
  for (const [command, debianPackage] of [
    ["ip", "iproute2"],
    ["nft", "nftables"],
    ["miniupnpd", "miniupnpd"],
  ] as const) {
    const missing = spawnSync(command, ["--version"]).error !== undefined;
    if (missing) return `${command} is not installed (Debian's package ${debianPackage})`;
  }
  const { status, stderr } = spawnSync("unshare", ["--net", "true"], { encoding: "utf8" });
  return status === 0 ? undefined : `a network namespace could not be made: ${stderr.trim()}`;
}

/** Network namespaces of this process, and what runs in them. None has a way to the machine's own network. */
export class Namespaces {
  readonly #prefix = `${PREFIX}${process.pid}-${++made}-`;
  readonly #names: readonly string[];
  readonly #children = new Set<ChildProcess>();

  /** For files of what runs in them. */
  readonly folder = join(tmpdir(), `${this.#prefix}files`);

  private constructor(names: readonly string[]) {
    this.#names = names;
  }

  /** What runs left behind that could not clean up is removed first. */
  static async create(names: readonly string[]): Promise<Namespaces> {
    await removeLeftovers();
    const namespaces = new Namespaces(names);
    await mkdir(namespaces.folder);
    await namespaces.ip(names.map((name) => `netns add ${namespaces.fullName(name)}`));
    return namespaces;
  }

  /** As `ip netns` knows it. */
  fullName(name: string): string {
    return this.#prefix + name;
  }

  /** Commands of `ip`, in a namespace or outside of all. */
  ip(commands: readonly string[], namespace?: string): Promise<void> {
    const where = namespace === undefined ? [] : ["-n", this.fullName(namespace)];
    return run("ip", [...where, "-batch", "-"], commands.join("\n"));
  }

  /** Runs a command to its end. @throws Error with what it said, where it fails. */
  run(namespace: string, command: readonly string[], input = ""): Promise<void> {
    return run("ip", ["netns", "exec", this.fullName(namespace), ...command], input);
  }

  /**
   * Starts a command, which is ended with the namespaces at the latest.
   * @param stdio what connects it with this process: what it complains of, or a channel for messages.
   */
  start(namespace: string, command: readonly string[], stdio: "stderr" | "channel"): ChildProcess {
    const child = spawn("ip", ["netns", "exec", this.fullName(namespace), ...command], {
      stdio: stdio === "stderr" ? ["ignore", "ignore", "pipe"] : ["ignore", "inherit", "inherit", "ipc"],
    });
    this.#children.add(child);
    child.once("exit", () => this.#children.delete(child));
    return child;
  }

  async remove(): Promise<void> {
    const exits = [...this.#children].map((child) => once(child, "exit"));
    for (const child of this.#children) child.kill("SIGKILL");
    await Promise.all(exits);
    await this.ip(this.#names.map((name) => `netns delete ${this.fullName(name)}`));
    await rm(this.folder, { recursive: true });
  }
}

/** Namespaces whose maker lives no more, the processes in them, and their files. */
async function removeLeftovers(): Promise<void> {
  for (const name of leftIn(NAMESPACES)) {
    // Another run may be at it too: what is gone already is no error.
    const { stdout } = spawnSync("ip", ["netns", "pids", name], { encoding: "utf8" });
    for (const pid of stdout.split("\n").filter((line) => line !== "")) endProcess(Number(pid));
    spawnSync("ip", ["netns", "delete", name]);
  }
  for (const name of leftIn(tmpdir())) await rm(join(tmpdir(), name), { recursive: true, force: true });
}

function leftIn(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder).filter((name) => {
    const maker = name.startsWith(PREFIX) ? Number.parseInt(name.slice(PREFIX.length), 10) : Number.NaN;
    return maker > 0 && !existsSync(`/proc/${maker}`);
  });
}

function endProcess(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

async function run(command: string, args: readonly string[], input: string): Promise<void> {
  const child = spawn(command, args, { stdio: ["pipe", "ignore", "pipe"] });
  child.stdin.on("error", () => {}); // A command that fails early does not read: its own words tell more.
  child.stdin.end(`${input}\n`);
  const [said] = await Promise.all([text(child.stderr), once(child, "close")]);
  if (child.exitCode !== 0) throw new Error(`${command} ${args.join(" ")}: ${said.trim()}\n${input}`);
}
