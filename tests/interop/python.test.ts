import { fileURLToPath } from "node:url";
import { join, type Room } from "@lekt/client";
import { createServer } from "@lekt/server";
import { expect, onTestFinished, test } from "vitest";
import { CuttableLine } from "../e2e/cuttable-line.ts";
import { lacksPython, PythonProcess, runPython } from "./python-process.ts";

const vectors = fileURLToPath(new URL("../../spec/vectors", import.meta.url));

async function joined(port: number, name: string): Promise<Room> {
  const room = await join(`lekt://127.0.0.1:${port}/interop`, { name });
  onTestFinished(() => room.close());
  return room;
}

async function pythonServer(...args: readonly string[]): Promise<{ server: PythonProcess; port: number }> {
  const server = new PythonProcess("lekt_server.py", ["--port", "0", "--json", ...args]);
  return { server, port: (await server.event("listening"))["port"] as number };
}

function pythonClient(port: number, name: string, ...args: readonly string[]): PythonProcess {
  const url = `lekt://127.0.0.1:${port}/interop`;
  return new PythonProcess("lekt_client.py", [
    url,
    "--name",
    name,
    "--hold",
    "20000",
    "--tcp",
    "4000",
    "--json",
    ...args,
  ]);
}

const isAbout = (name: string) => (event: Record<string, unknown>) =>
  JSON.stringify(event["peer"]).includes(`"${name}"`);

test.skipIf(lacksPython)("the second implementation agrees with all vectors", async () => {
  const { code, lastLine } = await runPython("test_vectors.py", [vectors]);
  expect(lastLine).toMatch(/^[1-9]\d{4,} passed, 0 failed$/);
  expect(code).toBe(0);
});

test.skipIf(lacksPython)(
  "a Python client in our server sees ours come, change and leave, and is seen",
  async () => {
    const server = createServer({ host: "127.0.0.1", port: 0 });
    await server.listen();
    onTestFinished(() => server.close());
    const port = server.address?.port as number;
    const ada = await joined(port, "ada");
    const python = pythonClient(port, "monty");
    await python.event("joined", isAbout("ada"));
    await expect.poll(() => ada.peers.map((peer) => [peer.name, peer.tcp?.port])).toEqual([["monty", 4_000]]);
    const grace = await joined(port, "grace");
    await python.event("joined", isAbout("grace"));
    grace.update({ name: "hopper" });
    await python.event("joined", isAbout("hopper"));
    await grace.close();
    await python.event("left", isAbout("hopper"));
    python.child.kill("SIGTERM");
    await expect.poll(() => ada.peers).toEqual([]);
  },
);

test.skipIf(lacksPython)(
  "a Python client resumes in our server: a break brings only what changed",
  async () => {
    const server = createServer({ host: "127.0.0.1", port: 0 });
    await server.listen();
    onTestFinished(() => server.close());
    const port = server.address?.port as number;
    const line = await CuttableLine.to(port);
    onTestFinished(() => line.close());
    const names = Array.from({ length: 30 }, (_, i) => `${"peer".repeat(10)} ${i}`);
    const crowd = await Promise.all(names.map((name) => joined(port, name)));
    const [ada, grace] = crowd as [Room, Room];
    const python = pythonClient(line.port, "monty", "--retry");
    await python.event("joined", isAbout("monty"));
    const wholeBytes = line.bytesDown;
    line.cut();
    await python.event("error");
    await expect.poll(() => ada.peers.map((peer) => peer.name)).not.toContain("monty");
    await grace.close();
    await joined(port, "hopper");
    line.restore();
    const expected = [...names.filter((_, i) => i !== 1), "hopper", "monty"].sort();
    await python.event("roster", ({ peers }) => {
      const shown = (peers as { name: string }[]).map(({ name }) => name).sort();
      return JSON.stringify(shown) === JSON.stringify(expected);
    });
    expect(line.bytesDown).toBeLessThan(wholeBytes / 3);
  },
);

test.skipIf(lacksPython)(
  "our clients in a Python server see each other, twins, a Python client, and the end",
  async () => {
    const { server, port } = await pythonServer();
    const ada = await joined(port, "ada");
    const twins = [await joined(port, "twin"), await joined(port, "twin")];
    await expect.poll(() => ada.peers.map((peer) => peer.name)).toEqual(["twin", "twin"]);
    expect(ada.self?.name).toBe("ada");
    const python = pythonClient(port, "monty");
    await python.event("joined", isAbout("ada"));
    await twins[0]?.close();
    await expect.poll(() => ada.peers.map((peer) => peer.name).sort()).toEqual(["monty", "twin"]);
    const errors: (string | undefined)[] = [];
    ada.on((event) => event.type === "status" && errors.push(event.status.error?.code));
    server.child.kill("SIGTERM");
    await expect.poll(() => errors).toContain("LEKT_REJECT_SHUTDOWN");
  },
);

test.skipIf(lacksPython)("each refuses what the other does wrong", async () => {
  const { port } = await pythonServer("--max-clients-per-address", "1");
  await joined(port, "first");
  await expect(join(`lekt://127.0.0.1:${port}/interop`, { name: "second" })).rejects.toMatchObject({
    code: "LEKT_REJECT_LIMIT",
  });
  const server = createServer({ host: "127.0.0.1", port: 0, authorize: () => ({ refuse: "Not today." }) });
  await server.listen();
  onTestFinished(() => server.close());
  const python = pythonClient(server.address?.port as number, "monty");
  expect(await python.event("rejected")).toMatchObject({ word: "auth", text: "Not today." });
  expect(await python.exit).toEqual([1, null]);
});
