import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { join } from "@lekt/client";
import { createServer } from "@lekt/server";
import { expect, onTestFinished, test } from "vitest";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** The program of the README, as it stands there. */
async function readmeProgram(): Promise<string> {
  const readme = await readFile(`${root}README.md`, "utf8");
  const block = /```js\n(.*?)```/s.exec(readme)?.[1];
  if (!block) throw new Error("the README has no program");
  return block;
}

test("the README's program has 15 lines at most, and shows who comes and who leaves", async () => {
  const program = await readmeProgram();
  expect(program.trimEnd().split("\n").length).toBeLessThanOrEqual(15);

  const server = createServer({ host: "127.0.0.1", port: 0 });
  await server.listen();
  onTestFinished(() => server.close());
  const url = `lekt://127.0.0.1:${server.address?.port}/lobby`;
  const first = await join(url, { name: "grace" });
  onTestFinished(() => first.close());

  // Below the repository's root, so that `@lekt/client` is found as it is for the README's reader.
  const folder = await mkdtemp(`${root}.readme-`);
  onTestFinished(() => rm(folder, { recursive: true }));
  await writeFile(`${folder}/who.mjs`, program);
  const child = spawn(process.execPath, [`${folder}/who.mjs`, url], { stdio: ["ignore", "pipe", "inherit"] });
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
