import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { type AddressInfo, connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { errorOf, type Finished, type Json, lekt, RunningLekt, serve } from "./lekt-process.ts";

/** A user of this machine, with a folder for the configuration. */
class User {
  readonly folder = mkdtempSync(join(tmpdir(), "lekt-user-"));
  readonly env = { XDG_CONFIG_HOME: this.folder };

  constructor() {
    onTestFinished(() => rmSync(this.folder, { recursive: true, force: true }));
  }

  run(args: readonly string[], input: string | Uint8Array = ""): Promise<Finished> {
    return lekt(args, { env: this.env, input });
  }

  start(args: readonly string[]): RunningLekt {
    return new RunningLekt(args, this.env);
  }

  async identity(): Promise<{ readonly identity: string; readonly short: string }> {
    return JSON.parse((await this.run(["key", "--identity", "--json"])).stdout);
  }
}

const ANYONE = ["--allow", "anyone"];

async function keyUrl(url: string): Promise<string> {
  return (await lekt(["key", url])).stdout.trim();
}

/** A TCP service that sends back what it got when the client has ended. */
async function echoService(): Promise<string> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on("error", () => {});
    const chunks: Buffer[] = [];
    socket.on("data", (chunk) => chunks.push(chunk));
    socket.on("end", () => socket.end(Buffer.concat(chunks)));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe("lekt key", () => {
  it("makes another key each time, in a URL that can be used", async () => {
    const [one, other] = await Promise.all([
      keyUrl("lekt://localhost/friends"),
      keyUrl("lekt://localhost/friends"),
    ]);
    expect(one).toMatch(/^lekt:\/\/localhost\/friends#key=[\w-]{43}$/);
    expect(other).not.toBe(one);
  });

  it("refuses a URL that has a key, and needs one", async () => {
    const again = await lekt(["key", await keyUrl("lekt://localhost"), "--json"]);
    expect(again.code).toBe(2);
    expect(errorOf(again)["message"]).toContain("has a network key already");
    expect((await lekt(["key"])).stderr).toContain("The URL is missing");
  });

  it("shows the own identity, which stays the same and is private", async () => {
    const user = new User();
    const first = await user.identity();
    expect(first.identity).toMatch(/^[0-9a-f]{64}$/);
    expect(await user.identity()).toEqual(first);
    expect(statSync(join(user.folder, "lekt", "identity.pem")).mode & 0o777).toBe(0o600);
  });
});

describe("lekt ping", () => {
  it.each(["tcp", "udp", "relay"])("tells the path by %s and the round trips", async (method) => {
    const server = await serve();
    const url = await keyUrl(`${server.url}/friends`);
    const [ada, bob] = [new User(), new User()];
    ada.start(["ping", url, "--name", "ada"]);
    const { code, stdout } = await bob.run([
      "ping",
      url,
      "ada",
      "--methods",
      method,
      "--count",
      "2",
      "--json",
    ]);
    expect(code).toBe(0);
    const [path, ...pongs] = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Json);
    expect(path).toMatchObject({
      event: "path",
      method,
      relayed: method === "relay",
      attempts: [{ outcome: "won" }],
    });
    expect(pongs).toMatchObject([{ number: 1 }, { number: 2 }]);
  });

  it("says who is there where the peer does not come", async () => {
    const server = await serve();
    const { code, stderr } = await new User().run(["ping", server.url, "ada", "--timeout", "0.5"]);
    expect(code).toBe(3);
    expect(stderr).toContain("Waiting for ada, up to 0.5 s. There is nobody who can be connected to.");
    expect(stderr).toContain(
      "Waited 0.5 s for ada, and it did not come. There is nobody who can be connected to.",
    );
  });
});

describe("a command that waits for a peer", () => {
  it("says that it was stopped, and not that it has waited", async () => {
    const server = await serve();
    const waiting = new User().start(["doctor", server.url, "ada", "--methods", "relay", "--json"]);
    await waiting.event("method");
    const { code, stderr } = await waiting.end("SIGINT");
    expect(stderr).toContain("Stopped before ada came.");
    expect(code).toBe(1);
  });
});

describe("strangers", () => {
  it("are refused without the key, and let in by --allow", async () => {
    const server = await serve();
    const url = `${server.url}/friends`;
    const [ada, bob, eve] = [new User(), new User(), new User()];
    const { short } = await bob.identity();
    const { identity } = await eve.identity();
    const choosy = ada.start(["ping", url, "--name", "ada", "--allow", short]);
    expect((await bob.run(["ping", url, "ada", "--count", "1", ...ANYONE])).code).toBe(0);
    const refused = await eve.run(["ping", url, "ada", "--count", "1", "--json", ...ANYONE]);
    expect(refused.code).toBe(5);
    expect(errorOf(refused)).toMatchObject({ code: "LEKT_PEER_REFUSED" });
    await eve.run(["ping", url, "ada", "--count", "1", ...ANYONE]);
    ada.start([
      "ping",
      url,
      "--name",
      "ada2",
      "--identity-file",
      join(ada.folder, "other.pem"),
      "--allow",
      identity,
    ]);
    expect((await eve.run(["ping", url, "ada2", "--count", "1", ...ANYONE])).code).toBe(0);
    const { stderr } = await choosy.end("SIGTERM");
    const refusals = stderr.match(/^lekt: .* was refused: it is nobody whom --allow names\.$/gm);
    expect(refusals).toEqual([expect.stringContaining((await eve.identity()).short)]);
  });

  it("who have no key, or another one, are told of where they are refused", async () => {
    const server = await serve();
    const url = await keyUrl(server.url);
    const [ada, eve] = [new User(), new User()];
    const waiting = ada.start(["ping", url, "--name", "ada"]);
    expect((await eve.run(["ping", server.url, "ada", "--count", "1", ...ANYONE])).code).toBe(5);
    expect((await eve.run(["ping", await keyUrl(server.url), "ada", "--count", "1"])).code).toBe(5);
    const { stderr } = await waiting.end("SIGTERM");
    expect(stderr).toMatch(
      /^lekt: Somebody at .* was refused: it did not prove that it has the network key\.$/m,
    );
  });

  it("cannot be waited for where nobody would be let in", async () => {
    const server = await serve();
    const { code, stderr } = await new User().run(["expose", "localhost:1", server.url]);
    expect(code).toBe(2);
    expect(stderr).toContain("Nobody could connect");
  });

  it("who take a name that another one had are told of and not connected to", async () => {
    const server = await serve();
    const url = `${server.url}/friends`;
    const [ada, bob, eve] = [new User(), new User(), new User()];
    const first = ada.start(["ping", url, "--name", "ada", "--allow", "anyone"]);
    expect((await bob.run(["ping", url, "ada", "--count", "1", ...ANYONE])).stderr).toContain(
      "it is remembered",
    );
    await first.end("SIGTERM");
    eve.start(["ping", url, "--name", "ada", "--allow", "anyone"]);
    const { short } = await eve.identity();
    const refused = await bob.run(["ping", url, "ada", "--count", "1", ...ANYONE]);
    expect(refused.code).toBe(5);
    expect(refused.stderr).toContain("ada is another one than before");
    expect((await bob.run(["ping", url, "ada", "--count", "1", "--allow", short])).code).toBe(0);
  });

  it("who have a name and not the key leave it to who has both", async () => {
    const server = await serve();
    const url = await keyUrl(server.url);
    const [ada, bob, eve] = [new User(), new User(), new User()];
    const first = eve.start(["ping", server.url, "--name", "ada", "--allow", "anyone"]);
    const betrayed = await bob.run(["ping", url, "ada", "--count", "1", "--json"]);
    expect(errorOf(betrayed)).toMatchObject({ code: "LEKT_NETWORK_KEY" });
    await first.end("SIGTERM");
    ada.start(["ping", url, "--name", "ada"]);
    const found = await bob.run(["ping", url, "ada", "--count", "1"]);
    expect(found).toMatchObject({ code: 0, stderr: expect.stringContaining("it is remembered") });
  });

  it("of one name are listed by their identities", async () => {
    const server = await serve();
    const [ada, eve, bob] = [new User(), new User(), new User()];
    for (const user of [ada, eve]) user.start(["ping", server.url, "--name", "ada", "--allow", "anyone"]);
    const watch = new RunningLekt(["peers", server.url, "--wait", "2"]);
    await watch.end();
    const { code, stderr } = await bob.run(["ping", server.url, "ada"]);
    expect(code).toBe(2);
    for (const user of [ada, eve]) expect(stderr).toContain((await user.identity()).short);
  });
});

describe("strangers who are asked for by name", () => {
  const NOBODY = "0".repeat(64);
  let url: string;
  let mallory: { readonly identity: string; readonly short: string };
  let waiting: RunningLekt;

  beforeEach(async () => {
    const server = await serve();
    url = `${server.url}/lan`;
    const stranger = new User();
    mallory = await stranger.identity();
    waiting = stranger.start(["pipe", url, "--name", "ada", ...ANYONE]);
  });

  it("get nothing, also where their name was met before", async () => {
    const bob = new User();
    const met = await bob.run(["ping", url, "ada", "--count", "1", ...ANYONE]);
    expect(met.stderr).toContain("it is remembered");
    const runs = [
      ["pipe", url, "--to", "ada"],
      ["pipe", url, "--to", "ada", "--allow", NOBODY],
      ["send", import.meta.filename, url, "--to", "ada"],
      ["ping", url, "ada"],
      ["doctor", url, "ada"],
    ];
    for (const args of runs) {
      const { code, stderr } = await bob.run(args, "my secret");
      expect(stderr).toContain(`Not connected to ada (${mallory.short}), which is a stranger`);
      expect(code).toBe(5);
    }
    expect((await waiting.end("SIGTERM")).stdout).toBe("");
  });

  it("are no strangers where their identity is said instead", async () => {
    const bob = new User();
    expect((await bob.run(["ping", url, mallory.identity, "--count", "1", "--allow", NOBODY])).code).toBe(0);
    waiting.child.stdin.end();
    expect((await bob.run(["pipe", url, "--to", mallory.short], "for mallory\n")).code).toBe(0);
    expect(await waiting.line(() => true)).toBe("for mallory");
  });

  it("cannot be forwarded from", async () => {
    const shut = await new User().run(["forward", "0", url, "--from", "ada"]);
    expect(shut).toMatchObject({ code: 2, stderr: expect.stringContaining("Nobody could connect") });
    const choosy = new User().start(["forward", "0", url, "--from", "ada", "--allow", NOBODY, "--json"]);
    const { port } = await choosy.event("forwarding");
    const socket = connect({ port: port as number, host: "127.0.0.1" });
    socket.on("error", () => {});
    await new Promise((resolve) => socket.once("close", resolve));
    expect((await choosy.end("SIGTERM")).stderr).toContain(`Not connected to ada (${mallory.short})`);
  });
});

describe("a damaged memory of peers", () => {
  const damage = (user: User) => {
    mkdirSync(join(user.folder, "lekt"), { recursive: true });
    writeFileSync(join(user.folder, "lekt", "known-peers.json"), "{", { mode: 0o600 });
  };

  it.each([
    ["receive", "URL"],
    ["ping", "URL", "ada"],
    ["expose", "localhost:1", "URL"],
    ["forward", "0", "URL", "--from", "ada"],
  ])("is told before anything is done: %s %s", async (...args) => {
    const user = new User();
    damage(user);
    // Nobody answers there.
    const finished = await user.run(
      args.map((arg) => arg.replace("URL", `lekt://127.0.0.1:1#key=${"A".repeat(43)}`)),
    );
    expect(finished.stderr).toMatch(/^lekt: .*known-peers\.json is damaged\. Mend it, or remove it.*\n$/);
    expect(finished).toMatchObject({ code: 2, stdout: "" });
  });

  it("is told once where it comes about while a command runs, which goes on", async () => {
    const server = await serve();
    const url = await keyUrl(server.url);
    const [ada, bob] = [new User(), new User()];
    const exposed = ada.start(["expose", await echoService(), url, "--name", "ada", "--json"]);
    await exposed.event("exposed");
    damage(ada);
    for (let time = 0; time < 2; time++)
      expect((await bob.run(["ping", url, "ada", "--count", "1"])).code).toBe(0);
    const { code, stderr } = await exposed.end("SIGTERM");
    expect(code).toBe(0);
    expect(stderr.match(/is damaged/g)).toHaveLength(1);
  });
});

describe("lekt pipe", () => {
  it("joins stdin and stdout of two machines, byte for byte", async () => {
    const server = await serve();
    const url = await keyUrl(server.url);
    const [ada, bob] = [new User(), new User()];
    const bytes = randomBytes(300_000).toString("base64");
    const waiting = ada.run(["pipe", url, "--name", "ada"], "from ada");
    const file = join(bob.folder, "url.txt");
    writeFileSync(file, `${url}\n`, { mode: 0o600 });
    const sent = await bob.run(["pipe", `@${file}`, "--to", "ada"], bytes);
    expect(sent).toMatchObject({ code: 0, stdout: "from ada" });
    const received = await waiting;
    expect(received).toMatchObject({ code: 0, stderr: expect.not.stringContaining("broke") });
    expect(received.stdout === bytes).toBe(true);
  });
});

describe("a URL that stands in a file", () => {
  it.each(["ping", "join", "peers"])("is missed by lekt %s where there is no such file", async (verb) => {
    const { code, stderr } = await new User().run([verb, "@no-such-file"]);
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: "lekt: The file 'no-such-file' of <url>: there is no such file.\n",
    });
  });
});

describe("lekt pipe that is stopped", () => {
  it("says so, and does not pass for a whole one", async () => {
    const server = await serve();
    const url = await keyUrl(server.url);
    const waiting = new User().start(["pipe", url, "--name", "ada"]);
    const sending = new User().start(["pipe", url, "--to", "ada"]);
    sending.child.stdin.write("a line\n");
    await waiting.line((line) => line === "a line");
    const { code, stderr } = await sending.end("SIGINT");
    expect(stderr).toMatch(/^lekt: Stopped before both directions had ended\.$/m);
    expect(code).toBe(1);
    expect((await waiting.end()).code).toBe(1);
  });
});

describe("lekt pipe that is stopped before a peer came", () => {
  it("says so: nothing is no backup", async () => {
    const server = await serve();
    const waiting = new User().start(["pipe", await keyUrl(server.url), "--json"]);
    await once(waiting.child.stderr, "data");
    const { code, stderr } = await waiting.end("SIGTERM");
    expect(stderr).toContain("Stopped before a peer came.");
    expect(code).toBe(1);
  });
});

describe("lekt expose and forward", () => {
  it("make a service of one machine appear on the loopback of the other", async () => {
    const server = await serve();
    const url = await keyUrl(server.url);
    const [ada, bob] = [new User(), new User()];
    const exposed = ada.start(["expose", await echoService(), url, "--name", "ada", "--json"]);
    await exposed.event("exposed");
    const forward = bob.start(["forward", "0", url, "--from", "ada", "--json"]);
    const { port } = await forward.event("forwarding");
    const echoes = await Promise.all(
      [1_000, 100_000, 1].map(async (size) => {
        const socket = connect({ port: port as number, host: "127.0.0.1", allowHalfOpen: true });
        const bytes = randomBytes(size);
        socket.end(bytes);
        return bytes.equals(await buffer(socket));
      }),
    );
    expect(echoes).toEqual([true, true, true]);
    expect((await forward.end("SIGTERM")).code).toBe(0);
    expect((await exposed.end("SIGTERM")).code).toBe(0);
  });

  it("tell of a service that does not answer", async () => {
    const server = await serve();
    const url = await keyUrl(server.url);
    const exposed = new User().start(["expose", "127.0.0.1:1", url, "--name", "ada", "--json"]);
    await exposed.event("exposed");
    const forward = new User().start(["forward", "0", url, "--from", "ada", "--json"]);
    const { port } = await forward.event("forwarding");
    const socket = connect({ port: port as number, host: "127.0.0.1" });
    socket.on("error", () => {});
    socket.write("GET / HTTP/1.0\r\n\r\n");
    await new Promise((resolve) => socket.once("close", resolve));
    expect((await exposed.end("SIGTERM")).stderr).toContain("127.0.0.1:1 does not answer (ECONNREFUSED).");
    expect((await forward.end("SIGTERM")).stderr).toContain("ada: The path to the peer");
  });

  it("say what is wrong with a service or a port", async () => {
    const server = await serve();
    const noService = await lekt(["expose", "localhost", server.url, "--allow", "anyone"]);
    expect(noService).toMatchObject({
      code: 2,
      stderr: "lekt: 'localhost' is no HOST:PORT. An example: localhost:8080.\n",
    });
    const taken = (await echoService()).split(":")[1] as string;
    const forward = await new User().run(["forward", taken, server.url, "--from", "ada", ...ANYONE]);
    expect(forward.code).toBe(7);
  });
});
