import { getEventListeners, once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import type { DialTarget } from "../src/byte-stream.ts";
import { tcpDial } from "../src/tcp-stream.ts";
import { serve, signalled } from "./servers.ts";

const target = (port: number, options: Partial<DialTarget> = {}): DialTarget => ({
  host: "name.example",
  port,
  timeoutMs: 10_000,
  signal: new AbortController().signal,
  ...options,
});
const never = () => new Promise<readonly string[]>(() => {});

/** A port on 127.0.0.1 at which nobody listens. */
async function freePort(): Promise<number> {
  const server = await serve();
  await server.close();
  return server.port;
}

/** Somebody who listens on loopback. */
async function listening(host = "127.0.0.1"): Promise<{ server: Server; port: number }> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen({ port: 0, host }, resolve));
  onTestFinished(() => void server.close());
  return { server, port: (server.address() as AddressInfo).port };
}

describe("dialling", () => {
  test("the addresses of a name in turn, until one answers", async () => {
    const server = await serve(() => {});
    const dial = tcpDial({ lookup: async () => ["127.0.0.2", "::1", "127.0.0.1"] });
    const stream = await dial(target(server.port));
    expect(stream).toMatchObject({
      remoteAddress: "127.0.0.1",
      remotePort: server.port,
      localAddress: "127.0.0.1",
    });
    const closed = signalled();
    stream.open({ onData: () => {}, onEnd: () => {}, onClose: () => closed.resolve() });
    stream.destroy();
    await closed.promise;
  });

  test.each(["127.0.0.1", "::1"])("a port that is shared lets peers be dialled from it, %s", async (host) => {
    const { server, port } = await listening(host);
    const accepted = once(server, "connection");
    const stream = await tcpDial({ sharedPort: true })(target(port, { host }));
    onTestFinished(() => stream.destroy());
    const [{ remotePort: localPort }] = (await accepted) as [Socket];
    const peer = await listening(host);
    const second = connect({ host, port: peer.port, localAddress: host, localPort: localPort as number });
    onTestFinished(() => void second.destroy());
    await once(second, "connect");
    expect(second.localPort).toBe(localPort);
  });

  test("none answers: the error lists them", async () => {
    const port = await freePort();
    const dial = tcpDial({ lookup: async () => ["127.0.0.2", "127.0.0.3", "127.0.0.2"] });
    await expect(dial(target(port))).rejects.toMatchObject({
      code: "LEKT_CONNECT",
      message:
        `Could not connect to name.example:${port}: 127.0.0.2 (connection refused), ` +
        "127.0.0.3 (connection refused). Start a server there (lekt serve), or check host and port.",
      cause: expect.any(AggregateError),
    });
  });

  test("one address behind a name, and an IPv6 address", async () => {
    const port = await freePort();
    const dial = tcpDial({ lookup: async () => ["127.0.0.1"] });
    await expect(dial(target(port))).rejects.toThrow(`name.example:${port}: 127.0.0.1: connection refused.`);
    await expect(dial(target(port, { host: "::1" }))).rejects.toThrow(`connect to [::1]:${port}: `);
  });

  test("a name that is not known", async () => {
    const unknown = Object.assign(new Error("getaddrinfo"), { code: "ENOTFOUND" });
    const dial = tcpDial({ lookup: () => Promise.reject(unknown) });
    await expect(dial(target(1))).rejects.toMatchObject({
      code: "LEKT_CONNECT",
      message: "Could not connect to name.example:1: unknown host. Check the spelling of the host's name.",
      cause: unknown,
    });
    await expect(tcpDial({ lookup: async () => [] })(target(1))).rejects.toThrow("unknown host");
  });

  test("a look-up that takes too long", async () => {
    await expect(tcpDial({ lookup: never })(target(1, { timeoutMs: 20 }))).rejects.toMatchObject({
      code: "LEKT_CONNECT",
      message: expect.stringMatching(
        /name\.example:1: timed out after 0 s\. Check host and port, and whether a firewall/,
      ),
    });
  });

  test("aborted while looking up, while connecting, and before", async () => {
    for (const when of ["before", "lookup", "connect"]) {
      const controller = new AbortController();
      const dial = tcpDial({ lookup: when === "lookup" ? never : async () => ["127.0.0.1", "127.0.0.2"] });
      if (when === "before") controller.abort();
      const dialling = dial(target((await listening()).port, { signal: controller.signal }));
      // Look-ups resolve in these microtasks; connections come about in later turns of the loop.
      for (let i = 0; i < 20; i++) await Promise.resolve();
      controller.abort();
      await expect(dialling).rejects.toMatchObject({ code: "LEKT_ABORTED" });
      expect(getEventListeners(controller.signal, "abort")).toHaveLength(0);
    }
  });
});

describe("a TCP stream", () => {
  test("bytes that came before it was opened, the end, and half of a close", async () => {
    const server = await serve(async (client) => {
      client.socket.write("early");
      client.socket.end();
    });
    const stream = await tcpDial()(target(server.port, { host: "127.0.0.1" }));
    const ended = signalled();
    const closed = signalled<Error | undefined>();
    let text = "";
    stream.open({
      onData: (bytes) => {
        text += Buffer.from(bytes);
      },
      onEnd: () => ended.resolve(),
      onClose: closed.resolve,
    });
    await ended.promise;
    expect(text).toBe("early");
    stream.end();
    expect(await closed.promise).toBe(undefined);
    stream.write(Uint8Array.of(1));
    stream.destroy();
  });

  test("a reset is told at the close", async () => {
    const server = await serve(async (client) => {
      await new Promise((resolve) => client.socket.once("data", resolve));
      client.cut();
    });
    const stream = await tcpDial()(target(server.port, { host: "127.0.0.1" }));
    const closed = signalled<Error | undefined>();
    stream.open({ onData: () => {}, onEnd: () => {}, onClose: closed.resolve });
    stream.write(Uint8Array.of(0x4c));
    expect(await closed.promise).toMatchObject({ code: "ECONNRESET" });
  });
});
