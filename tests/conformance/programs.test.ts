import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { type CheckResult, checkClient, checkServer, commandProgram, SERVER_CHECKS } from "@lekt/conformance";
import { createServer } from "@lekt/server";
import { expect, onTestFinished, test } from "vitest";
import { LEKT } from "../../packages/cli/test/lekt-process.ts";
import { lacksPython, PythonProcess } from "../interop/python-process.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const PATIENCE = { patienceMs: 10_000, startMs: 30_000 };
/** Other programs run at the same time, so a few checks stand for their groups. */
const SAMPLE = [
  "handshake",
  "network",
  "answers",
  "no-early-heartbeat",
  "byte-by-byte",
  "accept-major",
  "one-outstanding",
  "interval",
  "plain-server",
  "object-overrun",
  "methods-unknown",
  "packet-long",
  "gives-up-auth",
  "moved",
  "moved-often",
];

/** What does not hold, with the reason. */
function lacksOf(results: readonly CheckResult[]): string[] {
  return results
    .filter(({ status }) => status !== "holds")
    .map(
      ({ id, status, reason, expected, got }) =>
        `${id} ${status}: ${reason ?? `expected ${expected}, got ${got}`}`,
    );
}

const isSample = ({ id }: { id: string }) => SAMPLE.includes(id);

test("all that is asked of a server holds for ours", async () => {
  const server = createServer({ host: "::", port: 0, setupTimeoutMs: 4_000, heartbeatIntervalMs: 2_000 });
  await server.listen();
  onTestFinished(() => server.close());
  const url = `lekt://127.0.0.1:${server.address?.port}`;
  const results = await checkServer(url, { ...PATIENCE, isWanted: () => true, setupMs: 4_000 });
  expect(lacksOf(results)).toEqual([]);
  expect(results.length).toBe(SERVER_CHECKS.length);
});

test.skipIf(lacksPython)(
  "all that is asked of a server holds for the Python one, but for what it does not ask for",
  async () => {
    const server = new PythonProcess("lekt_server.py", ["--port", "0", "--json", "--host", "127.0.0.1"]);
    const { port } = await server.event("listening");
    const lacks = lacksOf(await checkServer(`lekt://127.0.0.1:${port}`, PATIENCE));
    const allowed = /skipped: the server (does not ask for method (26|28|29) |is not reached by IPv6)/;
    expect(lacks.filter((lack) => !allowed.test(lack))).toEqual([]);
  },
);

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
  const program = commandProgram(`python3 '${root}examples/python/lekt_client.py' {url} --name bee --json`);
  expect(lacksOf(await checkClient(program, { ...PATIENCE, isWanted: isSample }))).toEqual([]);
});
