import { join } from "@lekt/client";
import { createServer } from "@lekt/server";
import { expect, onTestFinished, test } from "vitest";
import { ExampleProcess } from "./example-process.ts";

async function serverUrl(network: string): Promise<string> {
  const server = createServer({ host: "127.0.0.1", port: 0 });
  await server.listen();
  onTestFinished(() => server.close());
  return `lekt://127.0.0.1:${server.address?.port}/${network}`;
}

test("presence says who is here, and when that changes", async () => {
  const url = await serverUrl("office");
  const ada = new ExampleProcess("presence", [url, "ada", "at the lake"]);
  await ada.line("nobody else is here");
  const grace = await join(url, { name: "grace" });
  onTestFinished(() => grace.close());
  expect(grace.peers[0]).toMatchObject({ name: "ada", data: new TextEncoder().encode("at the lake") });
  await ada.line("here: grace");
  grace.update({ name: "hopper" });
  await ada.line("here: hopper");
  await grace.close();
  await ada.line("nobody else is here");
  ada.child.kill("SIGINT");
  expect(await ada.exit).toEqual([0, null]);
});

test("chat carries lines between peers, and outlives one that is killed", async () => {
  const url = await serverUrl("chat");
  const ada = new ExampleProcess("chat", [url, "ada"]);
  await ada.line("* you are ada; here: nobody else");
  const grace = new ExampleProcess("chat", [url, "grace"]);
  await grace.line("* you are grace; here: ada");
  await ada.line("* grace came");
  ada.child.stdin.write("hello\n");
  await grace.line("ada: hello");
  grace.child.stdin.write("hi \u001b[31mada\n");
  // Lines and leaves go different ways, so the leave has to wait until the line is there.
  await ada.line("grace: hi \\u{1b}[31mada");
  grace.child.stdin.end();
  await ada.line("* grace left");
  expect(await grace.exit).toEqual([0, null]);

  const linus = new ExampleProcess("chat", [url, "linus"]);
  await ada.line("* linus came");
  linus.child.stdin.write("hi\n");
  await ada.line("linus: hi");
  linus.child.kill("SIGKILL");
  await ada.line("* linus left");
  ada.child.stdin.end();
  expect(await ada.exit).toEqual([0, null]);
});

test("embed lets in by network and password", async () => {
  const server = new ExampleProcess("embed", ["0", "chess=secret"]);
  const port = /port (\d+)/.exec(await server.line(/^games on port \d+: chess$/))?.[1];
  const player = await join(`lekt://127.0.0.1:${port}/chess`, { name: "ada", token: "secret" });
  onTestFinished(() => player.close());
  const refused = { code: "LEKT_REJECT_AUTH" };
  await expect(join(`lekt://127.0.0.1:${port}/chess`, { token: "guess!" })).rejects.toMatchObject(refused);
  await expect(join(`lekt://127.0.0.1:${port}/go`, { token: "secret" })).rejects.toMatchObject(refused);
  await expect(join(`lekt://127.0.0.1:${port}`, { token: "secret" })).rejects.toMatchObject(refused);
  const errors: (string | undefined)[] = [];
  player.on((event) => event.type === "status" && errors.push(event.status.error?.code));
  server.child.kill("SIGINT");
  await expect.poll(() => errors).toContain("LEKT_REJECT_SHUTDOWN");
});
