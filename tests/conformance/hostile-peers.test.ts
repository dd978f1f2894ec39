import { type AddressInfo, createServer, type Socket } from "node:net";
import { checkClient, checkServer, commandProgram, SERVER_CHECKS } from "@lekt/conformance";
import { encodeAccept, encodeRequest } from "@lekt/protocol";
import { expect, onTestFinished, test } from "vitest";

const REAL_CHECKS = SERVER_CHECKS.filter(({ slow }) => !slow).length;

/** A listener that is no server, and what becomes of the checks there. */
async function outcomeOf(behave: (socket: Socket) => void) {
  const listener = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on("error", () => {});
    behave(socket);
  });
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void listener.close());
  const { port } = listener.address() as AddressInfo;
  const results = await checkServer(`lekt://127.0.0.1:${port}`, {
    patienceMs: 100,
    connectionsPerSecond: 1_000,
  });
  expect(results.length).toBe(REAL_CHECKS);
  return new Set(results.filter(({ status }) => status === "holds").map(({ id }) => id));
}

function flood(socket: Socket): void {
  const block = Buffer.alloc(65_536, encodeRequest(1));
  socket.write(encodeAccept());
  const more = () => {
    while (!socket.destroyed && socket.write(block));
  };
  socket.on("drain", more);
  socket.resume();
  more();
}

test.each([
  ["says nothing", (socket: Socket) => void socket.resume()],
  ["hangs up", (socket: Socket) => void socket.destroy()],
  ["ends at once", (socket: Socket) => void socket.end()],
  ["speaks HTTP", (socket: Socket) => void socket.resume().end("HTTP/1.1 400 Bad Request\r\n\r\n")],
  ["echoes", (socket: Socket) => void socket.pipe(socket)],
])("a listener that %s fails everything, and the run goes on to its end", async (_, behave) => {
  expect([...(await outcomeOf(behave))]).toEqual([]);
});

test("a listener that floods fails what it does not let be heard, and the run goes on to its end", async () => {
  const held = await outcomeOf(flood);
  expect(held.has("first-reply")).toBe(false);
});

test("nobody listens: one sentence", async () => {
  await expect(checkServer("lekt://127.0.0.1:1")).rejects.toMatchObject({ code: "LEKT_CONNECT" });
});

test("a run that is broken off ends at once", async () => {
  const listener = createServer((socket) => socket.on("error", () => {}).resume());
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void listener.close());
  const { port } = listener.address() as AddressInfo;
  const broken = new AbortController();
  listener.on("connection", () => broken.abort());
  const run = checkServer(`lekt://127.0.0.1:${port}`, { patienceMs: 60_000, signal: broken.signal });
  await expect(run).rejects.toMatchObject({ code: "LEKT_ABORTED" });
});

test.each([
  ["exit 3", "it ended with exit code 3"],
  ["no-such-program-anywhere {url}", "it cannot be started (ENOENT)"],
])("a command that does not connect (%s): one sentence", async (command, why) => {
  const text = command.startsWith("exit") ? `'${process.execPath}' -e 'process.exit(3)' {url}` : command;
  await expect(checkClient(commandProgram(text))).rejects.toMatchObject({
    code: "LEKT_INPUT",
    message: expect.stringContaining(why),
  });
});

test("a command is split without a shell", () => {
  expect(() => commandProgram("  ")).toThrow("empty");
  expect(() => commandProgram("join somewhere")).toThrow("{url}");
  expect(commandProgram("join {host} {port}").takesNetwork).toBe(false);
  expect(commandProgram("join {host} {port} {network}").takesNetwork).toBe(true);
});
