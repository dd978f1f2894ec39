import { type ChildProcessByStdio, spawn, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join as joinPath } from "node:path";
import type { Readable, Writable } from "node:stream";
import { stripVTControlCharacters } from "node:util";
import { createIdentity, join as joinRoom, type Peer } from "@lekt/client";
import { relay } from "@lekt/methods/relay";
import { describe, expect, it, onTestFinished } from "vitest";
import { join, killAtEnd, LEKT, RunningLekt, serve } from "./lekt-process.ts";

const SCRIPT = "/usr/bin/script";
const HAS_SCRIPT = process.platform === "linux" && spawnSync(SCRIPT, ["--version"]).status === 0;

/** `lekt` on a pseudo terminal, by util-linux's script. */
class Terminal {
  readonly child: ChildProcessByStdio<Writable, Readable, null>;
  #output = "";
  #wake: () => void = () => {};

  /** @param redirection of its output, as the shell wants it */
  constructor(args: readonly string[], env: Readonly<Record<string, string>> = {}, redirection = "") {
    const command = [process.execPath, LEKT, ...args].map((arg) => `'${arg}'`).join(" ");
    const { NO_COLOR: _, FORCE_COLOR: __, ...inherited } = process.env;
    this.child = spawn(
      SCRIPT,
      ["-qec", `stty cols 90 rows 24; exec ${command} ${redirection}`, "/dev/null"],
      {
        stdio: ["pipe", "pipe", "inherit"],
        env: { ...inherited, TERM: "xterm-256color", ...env },
      },
    );
    killAtEnd(this.child);
    this.child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
      this.#output += chunk;
      this.#wake();
    });
  }

  get output(): string {
    return this.#output;
  }

  async shows(text: string): Promise<void> {
    while (!stripVTControlCharacters(this.#output).includes(text)) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Ctrl-C. @returns the exit code. */
  async interrupt(): Promise<number | null> {
    const exit = once(this.child, "exit");
    this.child.stdin.write("\u0003");
    const [code] = await exit;
    return code as number | null;
  }
}

describe.skipIf(!HAS_SCRIPT)("on a terminal", () => {
  it("lekt pipe into a file ends with what the peer sends", async () => {
    const server = await serve();
    const folder = mkdtempSync(joinPath(tmpdir(), "lekt-pipe-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const file = joinPath(folder, "backup");
    const args = ["pipe", server.url, "--name", "ada", "--allow", "anyone", "--methods", "relay"];
    const keeping = new Terminal(args, { XDG_CONFIG_HOME: folder }, `> '${file}'`);
    await keeping.shows("Waiting for a peer.");
    const exit = once(keeping.child, "exit");
    const identity = await createIdentity();
    const room = await joinRoom(server.url, { identity, methods: [relay()] });
    onTestFinished(() => room.close());
    const stream = await room.connect(room.peers[0] as Peer, { label: "lekt/pipe" });
    stream.resume().end("all of it");
    expect(await exit).toEqual([0, null]);
    expect(readFileSync(file, "utf8")).toBe("all of it");
  });

  it("lekt join keeps a list up to date, and Ctrl-C leaves", async () => {
    const server = await serve();
    const ada = new Terminal(["join", server.url, "--name", "ada", "--tcp", "4001"]);
    await ada.shows("Nobody else is here.");
    expect(stripVTControlCharacters(ada.output)).toContain("● online");
    expect(ada.output).toContain("\u001b[32m●");
    const grace = await join(server.url, "grace", ["--tcp", "4002"]);
    await ada.shows("grace came");
    await ada.shows("tcp 4002");
    await grace.end("SIGKILL");
    await ada.shows("grace left");
    expect(await ada.interrupt()).toBe(0);
  });

  it("lekt join has no colours with NO_COLOR, and shows hostile names safely", async () => {
    const server = await serve();
    await join(server.url, "\u202eevil\u200b", ["--data", "\u001b]0;owned\u0007"]);
    const ada = new Terminal(["join", server.url], { NO_COLOR: "1" });
    await ada.shows("\\u{202e}evil\\u{200b}");
    expect(ada.output).not.toContain("\u001b]0");
    expect(ada.output).not.toContain("\u001b[32m");
    expect(stripVTControlCharacters(ada.output).replace(/[\r\n]/g, "")).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    expect(await ada.interrupt()).toBe(0);
  });

  it("lekt send shows how far it is", async () => {
    const ground = mkdtempSync(joinPath(tmpdir(), "lekt-terminal-"));
    onTestFinished(() => rmSync(ground, { recursive: true, force: true }));
    const server = await serve();
    const url = `${server.url}/files#key=${randomBytes(32).toString("base64url")}`;
    const home = (name: string) => ({ XDG_CONFIG_HOME: joinPath(ground, name) });
    const flags = ["--methods", "relay", "--name"];
    const receive = ["receive", url, "--dir", joinPath(ground, "inbox"), "--json", ...flags, "bob"];
    const receiver = new RunningLekt(receive, home("bob"));
    await receiver.event("ready");
    const file = joinPath(ground, "\u202ename.txt");
    writeFileSync(file, "abc");
    const sender = new Terminal(["send", file, url, "--to", "bob", ...flags, "ada"], home("ada"));
    await sender.shows("\\u{202e}name.txt: 0 %, 0 bytes of 3 bytes");
    await sender.shows("\\u{202e}name.txt: sent, 3 bytes, stored as _name.txt");
    expect(await receiver.event("received")).toMatchObject({ storedAs: "_name.txt" });
  });

  it("lekt serve greets, logs for people, and Ctrl-C ends it in order", async () => {
    const server = new Terminal(["serve", "--host", "127.0.0.1", "--port", "0"]);
    await server.shows("Ctrl-C ends the server.");
    await server.shows("INFO: listening");
    expect(await server.interrupt()).toBe(0);
    expect(stripVTControlCharacters(server.output)).toContain("Ending: nobody is connected.");
  });
});
