import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { join } from "@lekt/client";
import { createServer } from "@lekt/server";
import { expect, onTestFinished, test } from "vitest";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** A program of the README, as it stands there. */
async function readmeProgram(number: number): Promise<string> {
  const readme = await readFile(`${root}README.md`, "utf8");
  const block = [...readme.matchAll(/```js\n(.*?)```/gs)][number]?.[1];
  if (!block) throw new Error(`the README has no program ${number}`);
  return block;
}

/** Below the repository's root, so that packages are found as they are for the README's reader. */
async function saved(program: string): Promise<string> {
  const folder = await mkdtemp(`${root}.readme-`);
  onTestFinished(() => rm(folder, { recursive: true }));
  await writeFile(`${folder}/program.mjs`, program);
  return `${folder}/program.mjs`;
}

test("the README's program has 15 lines at most, and shows who comes and who leaves", async () => {
  const program = await readmeProgram(0);
  expect(program.trimEnd().split("\n").length).toBeLessThanOrEqual(15);

  const server = createServer({ host: "127.0.0.1", port: 0 });
  await server.listen();
  onTestFinished(() => server.close());
  const url = `lekt://127.0.0.1:${server.address?.port}/lobby`;
  const first = await join(url, { name: "grace" });
  onTestFinished(() => first.close());

  const file = await saved(program);
  const child = spawn(process.execPath, [file, url], { stdio: ["ignore", "pipe", "inherit"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const nextLine = async () => (await lines.next()).value;

  expect(await nextLine()).toBe("grace at 127.0.0.1 is here");
  const second = await join(url, { name: "ada", tcp: 4000 });
  expect(await nextLine()).toBe("ada at 127.0.0.1 came");
  await second.close();
  expect(await nextLine()).toBe("ada at 127.0.0.1 left");
  await server.close();
  expect(await nextLine()).toMatch(/^connection: (waiting|connecting)$/);
  child.kill();
  await once(child, "exit");
});

test("the README's second program, run twice, speaks with itself", async () => {
  const server = createServer({ host: "127.0.0.1", port: 0 });
  await server.listen();
  onTestFinished(() => server.close());
  const url = `lekt://127.0.0.1:${server.address?.port}/hello`;
  const watcher = await join(url, { watch: true });
  onTestFinished(() => watcher.close());
  const file = await saved(await readmeProgram(1));
  const start = () => {
    const child = spawn(process.execPath, [file, url], { stdio: ["ignore", "pipe", "inherit"] });
    onTestFinished(() => void child.kill("SIGKILL"));
    return child;
  };
  start();
  await expect.poll(() => watcher.peers, { timeout: 20_000 }).toHaveLength(1);
  const lines: string[] = [];
  createInterface(start().stdout).on("line", (line) => lines.push(line));
  await expect.poll(() => lines.at(-1), { timeout: 20_000 }).toBe("hello");
  expect(lines).toContain("  relayed: false,");
});
