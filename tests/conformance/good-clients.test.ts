import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { checkClient, commandProgram } from "@lekt/conformance";
import { expect, onTestFinished, test } from "vitest";
import { LEKT } from "../../packages/cli/test/lekt-process.ts";
import { lacksPython } from "../interop/python-process.ts";
import { lacksOf } from "./lacks-of.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const PATIENCE = { patienceMs: 10_000, startMs: 30_000 };
/** Other programs run at the same time, so a few checks stand for their groups. */
const SAMPLE = [
  "handshake",
  "network",
  "byte-by-byte",
  "accept-major",
  "one-outstanding",
  "interval",
  "object-overrun",
  "methods-unknown",
  "gives-up-auth",
  "moved",
  "moved-often",
];

const isSample = ({ id }: { id: string }) => SAMPLE.includes(id);

test("`lekt join` passes, judged by what it prints, too", async () => {
  const program = commandProgram(`'${process.execPath}' '${LEKT}' join {url} --name bee --json`);
  const isWanted = ({ id }: { id: string }) => isSample({ id }) || id.startsWith("roster-");
  expect(lacksOf(await checkClient(program, { ...PATIENCE, isWanted, readsEvents: true }))).toEqual([]);
});

test("the README's program passes", async () => {
  const source = /```js\n(.*?)```/s.exec(await readFile(`${root}README.md`, "utf8"))?.[1] ?? "";
  const folder = await mkdtemp(`${root}.readme-`);
  onTestFinished(() => rm(folder, { recursive: true }));
  await writeFile(`${folder}/who.mjs`, source);
  const program = commandProgram(`'${process.execPath}' '${folder}/who.mjs' {url}`);
  expect(lacksOf(await checkClient(program, { ...PATIENCE, isWanted: isSample }))).toEqual([]);
});

test.skipIf(lacksPython)("the Python client passes", async () => {
  const program = commandProgram(
    `python3 '${root}examples/python/lekt_client.py' {url} --name bee --hold 20000 --json`,
  );
  const isWanted = ({ id }: { id: string }) => isSample({ id }) || id.startsWith("hold-");
  expect(lacksOf(await checkClient(program, { ...PATIENCE, isWanted }))).toEqual([]);
});
