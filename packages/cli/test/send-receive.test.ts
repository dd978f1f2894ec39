import { createHash, randomBytes } from "node:crypto";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { errorOf, type Finished, lekt, RunningLekt, serve } from "./lekt-process.ts";

const MEBIBYTE = 1_048_576;

let ground: string;
let inbox: string;
/** With a network key. */
let url: string;

beforeEach(async () => {
  ground = realpathSync(mkdtempSync(join(tmpdir(), "lekt-send-")));
  inbox = join(ground, "inbox");
  onTestFinished(() => rmSync(ground, { recursive: true, force: true }));
  const server = await serve();
  url = `${server.url}/files#key=${randomBytes(32).toString("base64url")}`;
});

/** An identity of its own for each name. */
function home(name: string): Record<string, string> {
  return { XDG_CONFIG_HOME: join(ground, `home-${name}`) };
}

const WAY = ["--methods", "tcp"];

async function receive(args: readonly string[] = [], at = url): Promise<RunningLekt> {
  const receiver = new RunningLekt(
    ["receive", at, "--dir", inbox, "--name", "bob", "--json", ...WAY, ...args],
    home("bob"),
  );
  await receiver.event("ready");
  return receiver;
}

function send(paths: readonly string[], args: readonly string[] = [], at = url): Promise<Finished> {
  return lekt(["send", ...paths, at, "--to", "bob", "--name", "ada", ...WAY, ...args], { env: home("ada") });
}

function make(name: string, bytes: string | Uint8Array): string {
  const path = join(ground, name);
  mkdirSync(join(path, ".."), { recursive: true });
  writeFileSync(path, bytes);
  return path;
}

describe("lekt send and lekt receive", () => {
  it("bring a large file and a folder over, in bounded memory", async () => {
    const large = make("large.bin", Buffer.alloc(100 * MEBIBYTE, randomBytes(MEBIBYTE)));
    make("tree/deep/a.txt", "abc");
    const receiver = await receive();
    const { code, stdout, stderr } = await send([large, join(ground, "tree")]);
    expect(stderr).toMatch(/^lekt: bob has the identity .* it is remembered\.\nlekt: Connected to bob: tcp, directly/);
    expect(stdout).toBe("large.bin: sent, 104.9 MB\ntree/deep/a.txt: sent, 3 bytes\n");
    expect(code).toBe(0);
    const sha256 = createHash("sha256").update(readFileSync(large)).digest("hex");
    const facts = { peer: expect.stringMatching(/^ada \(/), name: "large.bin", size: 100 * MEBIBYTE };
    expect(await receiver.event("offered")).toMatchObject(facts);
    expect(await receiver.event("progress")).toMatchObject({ ...facts, bytes: 0 });
    expect(await receiver.event("received")).toMatchObject({ ...facts, storedAs: "large.bin", sha256 });
    expect(await receiver.event("done")).toMatchObject({ received: 2, failed: 0 });
    expect(readFileSync(join(inbox, "large.bin")).equals(readFileSync(large))).toBe(true);
    expect(readFileSync(join(inbox, "tree/deep/a.txt"), "utf8")).toBe("abc");
    if (process.platform === "linux") expect(peakBytes(receiver)).toBeLessThan(250 * MEBIBYTE);
    expect((await receiver.end("SIGTERM")).code).toBe(0);
  });

  it("go on after the sender has died in the middle", async () => {
    const large = make("large.bin", Buffer.alloc(100 * MEBIBYTE, randomBytes(MEBIBYTE)));
    const receiver = await receive();
    const args = ["send", large, url, "--to", "bob", "--name", "ada", "--json", ...WAY];
    const sender = new RunningLekt(args, home("ada"));
    await receiver.event("progress");
    const part = () => readdirSync(inbox).find((name) => name.endsWith(".lekt-part"));
    await expect.poll(() => statSync(join(inbox, part() as string)).size).toBeGreaterThan(0);
    await sender.end("SIGKILL");
    expect(await receiver.event("broken")).toMatchObject({ code: "LEKT_PATH" });
    const { size } = statSync(join(inbox, part() as string));
    expect((await send([large])).code).toBe(0);
    expect(await receiver.event("progress")).toMatchObject({ bytes: size });
    expect(await receiver.event("received")).toMatchObject({ storedAs: "large.bin", already: false });
    expect(readdirSync(inbox)).toEqual(["large.bin"]);
    expect(readFileSync(join(inbox, "large.bin")).equals(readFileSync(large))).toBe(true);
  });
});

/** The most memory that a process ever had. */
function peakBytes({ child }: RunningLekt): number {
  const status = readFileSync(`/proc/${child.pid}/status`, "utf8");
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) * 1_024;
}
void errorOf;
