import { describe, expect, it } from "vitest";
import { errorOf, join, lekt, RunningLekt, serve } from "./lekt-process.ts";

describe("lekt peers", () => {
  it("shows a table", async () => {
    const server = await serve();
    expect(await lekt(["peers", server.url])).toEqual({ code: 0, stdout: "Nobody is there.\n", stderr: "" });
    await join(server.url, "ada", ["--tcp", "4001", "--data", "hello"]);
    await join(server.url, "日本", ["--udp", "0", "--relay"]);
    const { code, stdout } = await lekt(["peers", server.url]);
    expect(code).toBe(0);
    expect(stdout).toBe(
      [
        "NAME  ADDRESS    TELLS",
        'ada   127.0.0.1  tcp 4001, data "hello"',
        "日本  127.0.0.1  udp by signal, relay",
        "",
        "2 peers.",
        "",
      ].join("\n"),
    );
  });

  it("prints one JSON object with --json", async () => {
    const server = await serve();
    await join(server.url, "ada");
    const { stdout } = await lekt(["peers", server.url, "--json"]);
    expect(JSON.parse(stdout)).toMatchObject({ url: server.url, peers: [{ name: "ada" }] });
    expect(stdout.trimEnd()).not.toContain("\n");
  });

  it("is not seen", async () => {
    const server = await serve();
    const ada = await join(server.url, "ada");
    await lekt(["peers", server.url]);
    await join(server.url, "grace");
    const first = await ada.line(() => true);
    expect(JSON.parse(first)).toMatchObject({ event: "joined", peer: { name: "grace" } });
  });

  it("--wait waits until so many are there", async () => {
    const server = await serve();
    await join(server.url, "ada");
    const waiting = new RunningLekt(["peers", server.url, "--wait", "2", "--json"]);
    await join(server.url, "grace");
    const line = await waiting.line(() => true);
    expect(JSON.parse(line).peers).toHaveLength(2);
    expect((await waiting.end()).code).toBe(0);
  });

  it("--wait in vain says how many were there: exit code 3", async () => {
    const server = await serve();
    await join(server.url, "ada");
    const args = ["peers", server.url, "--wait", "3", "--timeout", "1"];
    const { code, stdout, stderr } = await lekt(args);
    expect(code).toBe(3);
    expect(stdout).toBe("");
    expect(stderr).toMatch(/^lekt: Waited 1 s for 3 peers, and 1 was there\..*\n$/);
    expect(errorOf(await lekt([...args, "--json"]))).toMatchObject({ code: "LEKT_TIMEOUT" });
  });
});
