import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join as joinPath } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { authorizeByToken } from "../src/token.ts";
import { errorOf, join, lekt, RunningLekt, serve } from "./lekt-process.ts";

function secretFile(secret: string): string {
  const folder = mkdtempSync(joinPath(tmpdir(), "lekt-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = joinPath(folder, "secret.txt");
  writeFileSync(path, secret);
  return path;
}

describe("a server with a token", () => {
  it("lets in who has it, and tells the others what to do: exit code 5", async () => {
    const file = secretFile("open sesame\n");
    const server = await serve(["--token-file", file]);
    await join(server.url, "ada", ["--token-file", file]);
    await join(server.url, "grace", ["--token", "open sesame"]);
    const { code, stdout } = await lekt(["peers", server.url], { env: { LEKT_TOKEN: "open sesame" } });
    expect(code).toBe(0);
    expect(stdout).toContain("2 peers.");
    const without = await lekt(["join", server.url]);
    expect(without.code).toBe(5);
    expect(without.stderr).toMatch(
      /^lekt: The server refused: auth: this server asks for a token.*--token-file/,
    );
    const wrong = await lekt(["peers", server.url, "--token", "open barley", "--json"]);
    expect(wrong.code).toBe(5);
    expect(errorOf(wrong)).toMatchObject({ code: "LEKT_REJECT_AUTH" });
  });

  it("takes it from the environment, and shows it nowhere", async () => {
    const server = new RunningLekt(["serve", "--port", "0", "--log-level", "trace"], {
      LEKT_TOKEN: "sesame",
    });
    const command = await server.line((line) => line.includes("On this machine:"));
    expect(command).toContain("--token-file FILE");
    const who = await server.line((line) => line.includes("may join"));
    expect(who).toMatch(/^Only who has the token may join/);
    const url = /lekt:\/\/\S+/.exec(command)?.[0] as string;
    await lekt(["join", url, "--token", "barley"]);
    const { stdout, stderr } = await server.end("SIGINT");
    expect(stdout + stderr).not.toMatch(/sesame|barley/);
  });

  it("is not sent to another machine without leave: exit code 2", async () => {
    const { code, stderr } = await lekt(["join", "lekt://192.0.2.1", "--token", "sesame"]);
    expect(code).toBe(2);
    expect(stderr).toContain("--allow-insecure-token");
    expect(stderr).not.toContain("sesame");
  });
});

describe("authorizeByToken", () => {
  const authorize = authorizeByToken(Buffer.from("sesame"));
  const request = { network: undefined, identity: undefined, address: "127.0.0.1" };

  it.each(["", "sesam", "sesame ", "sesamf", "SESAME"])("refuses '%s'", (token) => {
    expect(authorize({ ...request, token: Buffer.from(token) })).toHaveProperty("refuse");
  });

  it("lets in the secret alone", () => {
    expect(authorize({ ...request, token: Buffer.from("sesame") })).toBe(true);
    expect(authorize({ ...request, token: undefined })).toHaveProperty("refuse");
  });
});
