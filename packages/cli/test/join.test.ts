import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { encodeAccept, encodeReject } from "@lekt/protocol";
import { describe, expect, it } from "vitest";
import { about, errorOf, join, killAtEnd, LEKT, lekt, RunningLekt, serve } from "./lekt-process.ts";
import { deadUrl, otherServer } from "./tcp-double.ts";

const IDENTITY = "ab".repeat(32);

describe("lekt join", () => {
  it("shows who is there, who comes and who leaves, a JSON object a line", async () => {
    const server = await serve();
    const url = `${server.url}/friends`;
    const ada = new RunningLekt(["join", url, "--name", "ada", "--tcp", "4001"]);
    const online = await ada.event("online");
    expect(online).toMatchObject({
      url,
      server: { version: "1.0.0", address: `127.0.0.1:${server.port}` },
      self: { name: "ada", tcp: { port: 4001, endpoints: [] } },
      peers: [],
    });
    expect(online["time"]).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
    const tells = ["--udp", "5000", "--relay", "--data", "at the lake", "--identity", IDENTITY];
    const grace = new RunningLekt([
      "join",
      url,
      "--name",
      "grace",
      ...tells,
      "--method",
      "33=00ff",
      "--method",
      "40=",
    ]);
    expect((await grace.event("online"))["peers"]).toMatchObject([{ name: "ada" }]);
    expect(await ada.event("joined")).toMatchObject({
      peer: {
        name: "grace",
        ip: "127.0.0.1",
        address: "127.0.0.1",
        udp: { port: 5000 },
        relay: true,
        data: { hex: "617420746865206c616b65", text: "at the lake" },
        identity: IDENTITY,
        methods: { 33: { hex: "00ff" }, 40: { hex: "" } },
        stale: false,
      },
    });
    expect((await grace.end("SIGINT")).code).toBe(0);
    await ada.event("left", about("grace"));
    expect((await ada.end("SIGTERM")).code).toBe(0);
  });

  it("sees that a peer was killed, long before its heartbeat is missed", async () => {
    const server = await serve();
    const ada = await join(server.url, "ada");
    const linus = await join(server.url, "linus");
    await ada.event("joined", about("linus"));
    const killedMs = performance.now();
    await linus.end("SIGKILL");
    await ada.event("left", about("linus"));
    // One that only fell silent is missed after tens of seconds; some are left to a busy machine.
    expect(performance.now() - killedMs).toBeLessThan(8_000);
  });

  it("survives a restart of the server without a false leave", async () => {
    const server = await serve();
    const ada = await join(server.url, "ada");
    const grace = await join(server.url, "grace");
    await ada.event("joined", about("grace"));
    await server.end("SIGKILL");
    await ada.event("status", (line) => line["state"] === "waiting");
    await serve(["--port", `${server.port}`]);
    const seen: string[] = [];
    await Promise.all([
      ada.line((line) => seen.push(line) > 0 && line.includes('"synced"')),
      grace.event("synced"),
    ]);
    expect(seen.join()).not.toContain('"left"');
    const peers = JSON.parse((await lekt(["peers", server.url, "--wait", "2", "--json"])).stdout);
    expect(peers.peers.map((peer: { name: string }) => peer.name).sort()).toEqual(["ada", "grace"]);
  });

  it("--watch sees without being seen", async () => {
    const server = await serve();
    const watcher = new RunningLekt(["join", server.url, "--watch"]);
    expect(await watcher.event("online")).not.toHaveProperty("self");
    const ada = await join(server.url, "ada");
    await watcher.event("joined", about("ada"));
    expect((await lekt(["peers", server.url])).stdout).toContain("1 peer.");
    await ada.end("SIGINT");
    await watcher.event("left", about("ada"));
  });

  it("shows hostile names and data safely", async () => {
    const server = await serve();
    const ada = await join(server.url, "ada");
    const name = "\u202eevil\u200b";
    await join(server.url, name, ["--data", "\u001b]0;owned\u0007"]);
    const line = await ada.line((candidate) => candidate.includes('"joined"'));
    expect(line).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    expect(JSON.parse(line).peer).toMatchObject({
      name: "\\u{202e}evil\\u{200b}",
      data: { hex: "1b5d303b6f776e656407" },
    });
    expect(JSON.parse(line).peer.data).not.toHaveProperty("text");
    const { stdout } = await lekt(["peers", server.url]);
    expect(stdout.replaceAll("\n", "")).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    expect(stdout).toContain("\\u{202e}evil\\u{200b}");
  });

  it("ends quietly where nobody reads on", async () => {
    const server = await serve();
    const child = spawn(process.execPath, [LEKT, "join", server.url, "--name", "ada"], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    killAtEnd(child);
    const exit = once(child, "exit");
    const stderr = text(child.stderr);
    await once(child.stdout, "data");
    child.stdout.destroy();
    await join(server.url, "grace");
    expect(await exit).toEqual([0, null]);
    expect(await stderr).toBe("");
  });

  it("--wait-for-server keeps trying; a signal ends that too", async () => {
    const waiting = new RunningLekt(["join", await deadUrl(), "--wait-for-server"]);
    const url = await deadUrl();
    const joining = new RunningLekt(["join", url, "--wait-for-server"]);
    await lekt(["--version"]);
    await serve(["--port", new URL(url).port]);
    await joining.event("online");
    expect(await waiting.end("SIGINT")).toMatchObject({ code: 0, stderr: "" });
  });

  describe("where it cannot", () => {
    it("no server: exit code 4", async () => {
      const { code, stderr, stdout } = await lekt(["join", await deadUrl()]);
      expect(code).toBe(4);
      expect(stderr).toMatch(/^lekt: Could not connect to .*connection refused.*lekt serve.*\n$/);
      expect(stdout).toBe("");
    });

    it.each([
      ["speaks first", true],
      ["answers", false],
    ])("a server that %s like HTTP: exit code 6", async (_, speaksFirst) => {
      const url = await otherServer((socket) => {
        const answer = () => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n");
        if (speaksFirst) answer();
        else socket.once("data", answer);
      });
      const finished = await lekt(["join", url, "--json"]);
      expect(finished.code).toBe(6);
      expect(errorOf(finished)).toMatchObject({ code: "LEKT_NOT_LEKT" });
    });

    it("a server that is silent: exit code 4, when the time is over", async () => {
      const url = await otherServer(() => {});
      const finished = await lekt(["peers", url, "--timeout", "0.5", "--json"]);
      expect(finished.code).toBe(4);
      expect(errorOf(finished)).toMatchObject({ code: "LEKT_TIMEOUT" });
    });

    it("a server of another major version: exit code 6", async () => {
      const accepting = await otherServer((socket) => {
        socket.write(encodeAccept({ major: 2, minor: 0, extra: 0 }));
      });
      const other = await lekt(["join", accepting]);
      expect(other.code).toBe(6);
      expect(other.stderr).toMatch(/^lekt: The server .*speaks LEKT 2\.0\.0|2\.0\.0/);
      const rejecting = await otherServer((socket) => {
        socket.end(encodeReject("version", "this server speaks 2.0.0, the client 1.0.0"));
      });
      expect((await lekt(["join", rejecting])).code).toBe(6);
    });

    it("a server that refuses: exit code 5, and its text is safe", async () => {
      const url = await otherServer((socket) => {
        socket.end(encodeReject("kicked", "go \u001b[31maway\u202e"));
      });
      const { code, stderr } = await lekt(["join", url]);
      expect(code).toBe(5);
      expect(stderr).toMatch(/^lekt: The server refused: kicked: go .*away.*Ask the operator\.\n$/);
      expect(stderr.trimEnd()).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    });
  });
});
