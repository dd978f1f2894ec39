import { once } from "node:events";
import { connect } from "node:net";
import { describe, expect, it } from "vitest";
import { errorOf, join, lekt, RunningLekt, serve } from "./lekt-process.ts";

describe("lekt serve", () => {
  it("says where it listens, how to join, and who may", async () => {
    const server = new RunningLekt(["serve", "--port", "0"]);
    const first = await server.line(() => true);
    const port = /^LEKT server listening: port (\d+), all addresses of this machine\.$/.exec(first)?.[1];
    expect(port).toBeDefined();
    const command = await server.line((line) => line.includes("On this machine:"));
    expect(command).toContain(`lekt join lekt://localhost:${port} --name YOUR-NAME`);
    await server.line((line) => line.startsWith("Anybody who reaches this port may join"));
    const { code, stdout } = await server.end("SIGINT");
    expect(code).toBe(0);
    expect(stdout).toContain("Ending: nobody is connected.");
  });

  it("prints one JSON object with --json, and logs JSON lines to stderr", async () => {
    const server = await serve();
    expect(server.url).toBe(`lekt://127.0.0.1:${server.port}`);
    const { code, stdout, stderr } = await server.end("SIGTERM");
    expect(code).toBe(0);
    expect(stdout).toBe("");
    const lines = stderr
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as { msg: string });
    expect(lines[0]).toMatchObject({ msg: "listening", port: server.port });
  });

  it("logs for people with --log-format pretty, and nothing with --log-level silent", async () => {
    const pretty = await serve(["--log-format", "pretty"]);
    expect((await pretty.end("SIGTERM")).stderr).toMatch(/^\[\d\d:\d\d:\d\d\] INFO: listening/);
    const silent = await serve([], { LEKT_LOG_LEVEL: "silent" });
    expect((await silent.end("SIGTERM")).stderr).toBe("");
  });

  it("tells its clients before it ends", async () => {
    const server = await serve();
    const ada = await join(server.url, "ada");
    const { code } = await server.end("SIGTERM");
    expect(code).toBe(0);
    const { error } = await ada.event("status", (line) => line["state"] === "waiting");
    expect(error).toMatchObject({ code: "LEKT_REJECT_SHUTDOWN" });
  });

  it("ends at once at a second signal", async () => {
    const server = new RunningLekt(["serve", "--host", "127.0.0.1", "--port", "0"]);
    const url = (await server.line((line) => line.includes("lekt join"))).match(
      /lekt:\/\/\S+/,
    )?.[0] as string;
    // A client that does not close its side keeps the drain waiting for a second.
    const client = connect({ port: Number(new URL(url).port), host: "127.0.0.1", allowHalfOpen: true });
    await once(client, "connect");
    client.on("error", () => {});
    server.child.kill("SIGINT");
    await server.line((line) => line.startsWith("Ending: "));
    expect((await server.end("SIGINT")).code).toBe(0);
    client.destroy();
  });

  it("goes on where nobody reads its output any more", async () => {
    const server = await serve();
    server.child.stdout.destroy();
    server.child.stderr.destroy();
    const ada = await join(server.url, "ada");
    await ada.end("SIGINT");
    expect((await lekt(["peers", server.url])).code).toBe(0);
  });

  it("does not listen where another does: exit code 7", async () => {
    const server = await serve();
    const args = ["serve", "--host", "127.0.0.1", "--port", `${server.port}`];
    const { code, stdout, stderr } = await lekt([...args, "--log-level", "silent"]);
    expect(code).toBe(7);
    expect(stdout).toBe("");
    expect(stderr).toMatch(
      new RegExp(`^lekt: Cannot listen on 127\\.0\\.0\\.1, port ${server.port}: another program .*\\n$`),
    );
    const json = await lekt([...args, "--json", "--log-level", "silent"]);
    expect(errorOf(json)).toMatchObject({ code: "LEKT_ADDRESS_IN_USE" });
  });

  it("does not listen at an address that is not its own: exit code 7", async () => {
    const finished = await lekt(["serve", "--host", "203.0.113.9", "--port", "0", "--json"]);
    expect(finished.code).toBe(7);
    expect(errorOf(finished)).toMatchObject({ code: "LEKT_LISTEN" });
  });

  describe("options", () => {
    it("come from the environment, and a flag wins", async () => {
      const limited = await serve([], { LEKT_MAX_CLIENTS_PER_NETWORK: "1" });
      const ada = await join(limited.url, "ada");
      const refused = await lekt(["join", limited.url, "--json"]);
      expect(refused.code).toBe(5);
      expect(errorOf(refused)).toMatchObject({ code: "LEKT_REJECT_LIMIT" });
      await ada.end("SIGINT");
      const wider = await serve(["--max-clients-per-network", "2"], { LEKT_MAX_CLIENTS_PER_NETWORK: "1" });
      await join(wider.url, "ada");
      await join(wider.url, "grace");
    });

    it("that are set to nothing count as not set", async () => {
      await serve([], { LEKT_MAX_CLIENTS: "", LEKT_TOKEN: "", LEKT_NO_DEFAULT_NETWORK: "" });
    });

    it.each([
      [["--max-clients", "many"], {}, /'--max-clients <count>' argument 'many' is invalid/],
      [["--max-clients", "0"], {}, /^lekt: --max-clients \(LEKT_MAX_CLIENTS\) must be .*, not 0\.\n$/],
      [[], { LEKT_PORT: "99999" }, /value '99999' from env 'LEKT_PORT' is invalid/],
      [[], { LEKT_LOG_LEVEL: "loud" }, /'loud' from env 'LEKT_LOG_LEVEL' is invalid/],
      [[], { LEKT_NO_DEFAULT_NETWORK: "maybe" }, /LEKT_NO_DEFAULT_NETWORK must be 1 or 0, not 'maybe'/],
      [["--token", "a", "--token-file", "b"], {}, /cannot be used with/],
      [["--token", ""], {}, /The token is empty/],
    ])("%j %j: exit code 2", async (args, env, message) => {
      const { code, stderr, stdout } = await lekt(["serve", ...args], { env });
      expect(stderr).toMatch(message);
      expect(code).toBe(2);
      expect(stdout).toBe("");
    });

    it.each([
      [["--no-default-network"], {}],
      [[], { LEKT_NO_DEFAULT_NETWORK: "1" }],
    ])("%j %j closes the default network", async (args, env) => {
      const server = await serve(args, env);
      expect(server.url).toContain("/YOUR-NETWORK");
      const refused = await lekt(["join", server.url.replace("/YOUR-NETWORK", ""), "--json"]);
      expect(refused.code).toBe(5);
      expect(errorOf(refused)).toMatchObject({ code: "LEKT_REJECT_AUTH" });
      await join(server.url, "ada");
    });
  });
});
