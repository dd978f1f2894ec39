import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { errorOf, type Finished, type Json, lekt, RunningLekt, serve } from "./lekt-process.ts";

/** Each peer is somebody else. */
function ownFolder(): { env: { XDG_CONFIG_HOME: string } } {
  const folder = mkdtempSync(join(tmpdir(), "lekt-doctor-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return { env: { XDG_CONFIG_HOME: folder } };
}

const ANYONE = ["--allow", "anyone"];

/** A peer that is there, and answers whom it lets in. */
async function ada(url: string, args: readonly string[] = ANYONE): Promise<void> {
  const peer = new RunningLekt(["ping", url, "--name", "ada", ...args], ownFolder().env);
  const found = await lekt(["peers", url, "--wait", "1"]);
  expect(found.code, found.stderr).toBe(0);
  expect(peer.child.exitCode).toBeNull();
}

function events({ stdout }: Finished): Json[] {
  return stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Json);
}

describe("lekt doctor", () => {
  it("says what the network is like, for people", async () => {
    const { url } = await serve();
    const { code, stdout, stderr } = await lekt(["doctor", url], ownFolder());
    expect(stderr).toBe("");
    expect(code).toBe(0);
    const titles = stdout.split("\n").filter((line) => line !== "" && !line.startsWith(" "));
    expect(titles).toEqual(["This machine", "Routers", "Ways for peers", "What would help"]);
    expect(stdout).toMatch(/The server sees it at 127\.0\.0\.1:\d+: it runs on this machine/);
    expect(stdout).toMatch(/No router translates addresses .* Seen at 127\.0\.0\.1:\d+\./);
    expect(stdout).toMatch(/tcp: 127\.0\.0\.1:\d+ is open to programs on this machine\./);
    expect(stdout).toMatch(/relay: works: a circuit was opened and carried bytes \(127\.0\.0\.1:\d+, /);
    expect(stdout).toMatch(/Nothing seems to be missing.*\n.*lekt doctor URL PEER/);
  });

  it("says what a server without relay and STUN lacks, for programs", async () => {
    const { url } = await serve(["--no-relay", "--no-stun"]);
    const finished = await lekt(["doctor", url, "--json"], ownFolder());
    expect(finished.code, finished.stderr).toBe(0);
    const [network, tcp, udp, relay, advice, ...rest] = events(finished);
    expect(rest).toEqual([]);
    expect(network).toMatchObject({ event: "network", seenAt: { address: "127.0.0.1" } });
    expect(tcp).toMatchObject({ method: "tcp", reach: "open", portMapping: { state: "unneeded" } });
    expect(udp).toMatchObject({ method: "udp", nat: "unknown", seenAt: [] });
    expect(relay).toMatchObject({ method: "relay", reach: "none", reason: "the server has no relay" });
    expect(advice).toEqual({
      event: "advice",
      text: [expect.stringMatching(/--no-stun/), expect.stringMatching(/--no-relay/)],
    });
  });

  it("connects to a peer by each method on its own, and by all together", async () => {
    const { url } = await serve();
    await ada(url);
    const finished = await lekt(["doctor", url, "ada", "--json", ...ANYONE], ownFolder());
    expect(finished.code, finished.stderr).toBe(0);
    const trials = events(finished).filter(({ event }) => event === "trial");
    expect(trials.map(({ methods }) => methods)).toEqual([
      ["tcp"],
      ["udp"],
      ["relay"],
      ["tcp", "udp", "relay"],
    ]);
    expect(trials.slice(0, 3).map(({ path }) => path)).toMatchObject([
      { method: "tcp", relayed: false },
      { method: "udp", relayed: false },
      { method: "relay", relayed: true },
    ]);
    for (const { attempts } of trials)
      expect(attempts).toContainEqual(expect.objectContaining({ outcome: "won" }));
  });

  it("tells why there is no path: exit code 1", async () => {
    const { url } = await serve(["--no-relay"]);
    await ada(url);
    const { code, stdout, stderr } = await lekt(
      ["doctor", url, "ada", "--methods", "relay", ...ANYONE],
      ownFolder(),
    );
    expect(stdout).toMatch(/The way to ada\n {2}relay: cannot be tried: the server has no relay\.\n/);
    expect(stdout).toMatch(/Run lekt doctor at ada, too/);
    expect(stderr.split("\n").at(-2)).toBe("lekt: There is no path to ada.");
    expect(code).toBe(1);
  });

  it("tells where the peer refuses, and tries nothing more: exit code 5", async () => {
    const { url } = await serve();
    await ada(url, ["--allow", "ab".repeat(32)]);
    const finished = await lekt(["doctor", url, "ada", "--json", ...ANYONE], ownFolder());
    const trials = events(finished).filter(({ event }) => event === "trial");
    expect(trials).toHaveLength(1);
    expect(trials[0]).toMatchObject({ methods: ["tcp"], error: { code: "LEKT_PEER_REFUSED" } });
    expect(errorOf({ ...finished, stderr: finished.stderr.split("\n").at(-2) as string })).toMatchObject({
      code: "LEKT_PEER_REFUSED",
    });
    expect(finished.code).toBe(5);
  });

  it("says what it found of the network where the peer does not come: exit code 3", async () => {
    const { url } = await serve();
    const { code, stdout, stderr } = await lekt(["doctor", url, "ada", "--timeout", "1"], ownFolder());
    expect(stdout).toMatch(/Ways for peers/);
    expect(stderr).toMatch(
      /^lekt: Waiting for ada, .*\nlekt: Waited 1 s for ada, and it did not come\. There is nobody .*\n$/,
    );
    expect(code).toBe(3);
  });
});
