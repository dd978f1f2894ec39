import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { errorOf, LEKT, lekt, RunningLekt, serve } from "./lekt-process.ts";

interface Report {
  readonly conforms: boolean;
  readonly counts: Readonly<Record<string, number>>;
  readonly clauses: Readonly<Record<string, string>>;
  readonly results: readonly { readonly id: string; readonly status: string }[];
}

test("a server that is right: every clause that is asked for holds, exit code 0", async () => {
  const { url } = await serve();
  const text = await lekt(["conformance", url, "--clause", "5.8.2", "--only", "shared-address"]);
  expect(text).toMatchObject({ code: 0, stderr: "" });
  expect(text.stdout).toContain("All that must hold holds.");
  expect(text.stdout).toContain("1 check holds, 0 fail, 0 were skipped.");
  const json = await lekt(["conformance", url, "--only", "accept", "--only", "magic", "--json"]);
  const report = JSON.parse(json.stdout) as Report;
  expect(report.conforms).toBe(true);
  expect(report.results.map(({ id, status }) => `${id} ${status}`)).toEqual(["accept holds", "magic holds"]);
  expect(report.clauses).toMatchObject({ "3.7": "holds", "1.5.3": "holds" });
});

test("a clause that only a slow check is about is checked", async () => {
  const { url } = await serve(["--setup-timeout-ms", "500"]);
  const { code, stdout } = await lekt(["conformance", url, "--clause", "4.9", "--setup-seconds", "0.5"]);
  expect(stdout).toContain("1 check holds, 0 fail");
  expect(code).toBe(0);
});

test("a server that is wrong: what was expected and what came, exit code 1", async () => {
  const listener = createServer((socket) => {
    socket.on("error", () => {}).resume();
    socket.end("\x1b[31mHTTP/1.1 400 Bad Request\r\n\r\n");
  });
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void listener.close());
  const url = `lekt://127.0.0.1:${(listener.address() as AddressInfo).port}`;
  const text = await lekt(["conformance", url, "--only", "accept"]);
  expect(text.code).toBe(1);
  expect(text.stderr).toBe("lekt: 1 of the rules that must hold does not: accept.\n");
  expect(text.stdout).toContain("FAILS  accept (must; ");
  expect(text.stdout).toContain("expected  an Accept");
  expect(text.stdout).toContain("got       bytes that cannot be read");
  expect(text.stdout).toContain("sent      4c454b5448");
  const json = await lekt(["conformance", url, "--only", "accept", "--json"]);
  expect(json.code).toBe(1);
  expect((JSON.parse(json.stdout) as Report).counts).toEqual({ holds: 0, fails: 1, skipped: 0 });
  expect(errorOf(json)).toMatchObject({ code: "LEKT_PROTOCOL" });
});

test("a client program is started for each check", async () => {
  const command = `'${process.execPath}' '${LEKT}' join {url} --json`;
  const done = await lekt([
    "conformance",
    "--client",
    command,
    "--only",
    "handshake",
    "--only",
    "roster-first",
    "--json",
  ]);
  expect(done).toMatchObject({ code: 0, stderr: "" });
  const statuses = (JSON.parse(done.stdout) as Report).results.map(({ id, status }) => `${id} ${status}`);
  expect(statuses).toEqual(["handshake holds", "roster-first skipped"]);
});

test("SIGINT ends it and the programs that it started", async () => {
  const started = createServer();
  await new Promise<void>((resolve) => started.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void started.close());
  const { port } = started.address() as AddressInfo;
  // A program that tells us that it runs, and never connects to where it was told to go.
  const program = `require("node:net").connect(${port}, "127.0.0.1").on("error", () => {}); setInterval(() => {}, 1000)`;
  const run = new RunningLekt(["conformance", "--client", `'${process.execPath}' -e '${program}' {url}`]);
  const [socket] = await once(started, "connection");
  const gone = once(socket, "close");
  socket.on("error", () => {}).resume();
  const { code, stderr } = await run.end("SIGINT");
  expect(code).toBe(1);
  expect(stderr).toContain("broken off");
  await gone;
});

test("--list names all checks, as text and as JSON", async () => {
  const text = await lekt(["conformance", "--list"]);
  expect(text.code).toBe(0);
  expect(text.stdout).toContain("Of a server:\naccept  must");
  const json = JSON.parse((await lekt(["conformance", "--list", "--json"])).stdout) as Record<
    string,
    unknown[]
  >;
  expect(json["server"]?.length).toBeGreaterThan(90);
  expect(json["client"]?.length).toBeGreaterThan(50);
});

test.each([
  [[], 2, "Give either the URL of a server or --client"],
  [["lekt://localhost", "--client", "join {url}"], 2, "Give either the URL of a server or --client"],
  [["lekt://localhost", "--only", "accept", "--only", "nothing"], 2, 'A server has no check "nothing"'],
  [["lekt://localhost", "--clause", "3.7", "--clause", "99"], 2, 'A server has no check of clause "99". See'],
  [["lekt://localhost", "--clause", "5.16"], 2, "would harm a server in use"],
  [["lekt://localhost", "--only", "accept", "--clause", "5.8"], 2, "No check has both"],
  [["--client", "join {url}", "--only", "accept"], 2, 'A client has no check "accept"'],
  [["--client", "join somewhere"], 2, "neither {url} nor {port}"],
  [["localhost"], 2, "no LEKT URL"],
  [["lekt://127.0.0.1:1"], 4, "No server answers at 127.0.0.1, port 1"],
  [["--client", "no-such-program-anywhere {url}"], 1, "cannot be started (ENOENT)"],
] as const)("%j: exit code %i, one sentence", async (args, code, sentence) => {
  const done = await lekt(["conformance", ...args]);
  expect(done.code).toBe(code);
  expect(done.stderr).toContain(sentence);
  expect(done.stderr.trimEnd().split("\n").length).toBe(1);
});
