import { checkServer, SERVER_CHECKS } from "@lekt/conformance";
import { createServer } from "@lekt/server";
import { expect, onTestFinished, test } from "vitest";
import { lacksPython, PythonProcess } from "../interop/python-process.ts";
import { lacksOf } from "./lacks-of.ts";

test("all that is asked of a server holds for ours", async () => {
  const server = createServer({
    host: "::",
    port: 0,
    setupTimeoutMs: 4_000,
    heartbeatIntervalMs: 2_000,
    maxConnectionsPerSecond: 10_000,
  });
  await server.listen();
  onTestFinished(() => server.close());
  const url = `lekt://127.0.0.1:${server.address?.port}`;
  const results = await checkServer(url, {
    patienceMs: 10_000,
    isWanted: () => true,
    setupMs: 4_000,
    connectionsPerSecond: 200,
  });
  expect(lacksOf(results)).toEqual([]);
  expect(results.length).toBe(SERVER_CHECKS.length);
});

test.skipIf(lacksPython)(
  "all that is asked of a server holds for the Python one, but for what it does not ask for",
  async () => {
    const server = new PythonProcess("lekt_server.py", ["--port", "0", "--json", "--host", "127.0.0.1"]);
    const { port } = await server.event("listening");
    const lacks = lacksOf(await checkServer(`lekt://127.0.0.1:${port}`, { patienceMs: 10_000 }));
    const allowed =
      /skipped: the server (does not ask for method (24|26|28|29) |is not reached by IPv6|tells of no STUN)/;
    expect(lacks.filter((lack) => !allowed.test(lack))).toEqual([]);
  },
);
