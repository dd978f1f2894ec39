import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join as joinPath } from "node:path";
import { encodeAccept, encodeCircuit, fromHex } from "@lekt/protocol";
import { CircuitIssuer } from "@lekt/server";
import { afterAll, describe, expect, it } from "vitest";
import { errorOf, lekt, RunningLekt, serve } from "./lekt-process.ts";

const key = randomBytes(32);

const folder = mkdtempSync(joinPath(tmpdir(), "lekt-relay-"));
const KEY_FILE = fileWith(`${key.toString("hex")}\n`);
afterAll(() => rmSync(folder, { recursive: true }));

function fileWith(text: string): string {
  const path = joinPath(folder, `${randomBytes(4).toString("hex")}.key`);
  writeFileSync(path, text);
  return path;
}

/** Two peers with a token of that key meet there. */
async function meet(port: number): Promise<void> {
  const { circuit } = new CircuitIssuer(key).issue(Math.floor(Date.now() / 1_000), "");
  const sockets = [1, 2].map(() => connect({ port, host: "127.0.0.1" }));
  for (const socket of sockets) socket.write(encodeCircuit(fromHex(circuit) as Uint8Array));
  for (const socket of sockets) {
    const [bytes] = (await once(socket, "data")) as [Buffer];
    expect(bytes).toEqual(Buffer.from(encodeAccept()));
    socket.destroy();
  }
}

describe("lekt relay", () => {
  it("joins peers whose token is of its key, and says where it listens", async () => {
    const relay = new RunningLekt([
      "relay",
      "--host",
      "127.0.0.1",
      "--port",
      "0",
      "--key-file",
      KEY_FILE,
      "--json",
    ]);
    const { port } = await relay.event("listening");
    await meet(port as number);
    const { code, stderr } = await relay.end("SIGTERM");
    expect(code).toBe(0);
    expect(stderr).not.toContain(key.toString("hex"));
  });

  it("takes its key from the environment, and tells people how to end it", async () => {
    const relay = new RunningLekt(["relay", "--port", "0"], {
      LEKT_RELAY_KEY_FILE: KEY_FILE,
      LEKT_HOST: "127.0.0.1",
    });
    await relay.line((line) => /^LEKT relay listening: 127\.0\.0\.1, port \d+\.$/.test(line));
    await relay.line((line) => line === "Ctrl-C ends the relay.");
    expect((await relay.end("SIGINT")).code).toBe(0);
  });

  it.each([
    [[], /required option '--key-file <file>' not specified/],
    [["--key-file", "no-such-file"], /The file 'no-such-file' of --key-file: there is no such file/],
    [["--key-file", KEY_FILE, "--max-circuits", "0"], /^lekt: --max-circuits \(LEKT_MAX_CIRCUITS\) must be/],
  ])("%j: exit code 2", async (args, message) => {
    const { code, stderr, stdout } = await lekt(["relay", ...args]);
    expect(stderr).toMatch(message);
    expect(code).toBe(2);
    expect(stdout).toBe("");
  });

  it("does not take a key that is none, and says how to make one", async () => {
    const { code, stderr } = await lekt(["relay", "--key-file", fileWith("secret")]);
    expect(stderr).toMatch(/must hold 64 hex digits\. Make one with: openssl rand -hex 32/);
    expect(code).toBe(2);
  });
});

describe("lekt serve", () => {
  it("relays on its own port with a key that it was given, and answers STUN", async () => {
    const server = await serve(["--relay-key-file", KEY_FILE]);
    await meet(server.port);
  });

  it("says which UDP ports answer STUN, or none", async () => {
    const start = ["serve", "--host", "127.0.0.1", "--port", "0", "--json"];
    const { port, stunPorts } = await new RunningLekt(start).event("listening");
    expect(stunPorts).toEqual([port, expect.any(Number)]);
    const without = await new RunningLekt([...start, "--no-stun"]).event("listening");
    expect(without["stunPorts"]).toEqual([]);
    const silenced = new RunningLekt(start, { LEKT_NO_STUN: "1" });
    expect((await silenced.event("listening"))["stunPorts"]).toEqual([]);
  });

  it.each([
    [["--relay", "relay.example.org:4000"], /--relay is of no use without the relay's key, --relay-key-file/],
    [["--relay", "nowhere", "--relay-key-file", KEY_FILE], /--relay must be host:port, not nowhere/],
  ])("%j: exit code 2", async (args, message) => {
    const finished = await lekt(["serve", ...args, "--json"]);
    expect(errorOf(finished)).toMatchObject({ code: "LEKT_OPTION", message: expect.stringMatching(message) });
    expect(finished.code).toBe(2);
  });
});
