import { encodeUtf8, MAX_REJECT_BYTES } from "@lekt/protocol";
import { pino } from "pino";
import { describe, expect, test, vi } from "vitest";
import type { AuthorizeRequest, AuthorizeVerdict } from "../src/options.ts";
import type { Person } from "./person.ts";
import type { VirtualClient } from "./virtual-client.ts";
import { VirtualServer } from "./virtual-server.ts";

type Authorize = (request: AuthorizeRequest) => AuthorizeVerdict | Promise<AuthorizeVerdict>;

/** Lets the hook's promise and what follows it happen. */
const decided = () => new Promise((resolve) => setImmediate(resolve));

function openPromise() {
  let resolve: (verdict: AuthorizeVerdict) => void = () => {};
  let reject: (error: Error) => void = () => {};
  const promise = new Promise<AuthorizeVerdict>((onVerdict, onError) => {
    resolve = onVerdict;
    reject = onError;
  });
  return { promise, resolve, reject };
}

async function verdictOn(authorize: Authorize, person: Person = { name: "alice" }): Promise<VirtualClient> {
  const client = new VirtualServer({ authorize }).join(person);
  await decided();
  return client;
}

describe("who is accepted", () => {
  test.each<[string, Authorize]>([
    ["by undefined", () => undefined],
    ["by true", () => true],
    ["later, by undefined", () => Promise.resolve(undefined)],
    ["later, by true", () => Promise.resolve(true)],
  ])("%s is let in", async (_, authorize) => {
    expect((await verdictOn(authorize)).admitted).toBe(true);
  });

  test("is in the roster from then on, and not before", async () => {
    const server = new VirtualServer({ authorize: () => true });
    const alice = server.join({ name: "alice" });
    expect(alice.admitted).toBe(false);
    expect(server.heart.clients).toBe(0);
    await decided();
    alice.beat();
    server.settle();
    expect(alice.replies).toEqual([["+alice"]]);
  });
});

describe("who is refused", () => {
  test.each<[string, Authorize]>([
    ["at once", () => ({ refuse: "not today" })],
    ["later", async () => ({ refuse: "not today" })],
  ])("%s is told why", async (_, authorize) => {
    const client = await verdictOn(authorize);
    expect(client.rejected?.message).toBe("auth: not today");
    expect(client.admitted).toBe(false);
    expect(client.link.ended).toBe(true);
  });

  test("is told so without control characters, and cut to a Reject's length", async () => {
    const client = await verdictOn(() => ({ refuse: `a\u0000b\u001b[31m\u202ec${"é".repeat(2_000)}` }));
    const message = client.rejected?.message ?? "";
    expect(message).toMatch(/^auth: a\\u\{0\}b\\u\{1b\}\[31m\\u\{202e\}cé+$/);
    expect(Buffer.byteLength(message)).toBeLessThan(MAX_REJECT_BYTES);
  });

  test.each([false, null, "no", 0, {}, { refuse: 7 }])(
    "also by a hook without types that says %j",
    async (answer) => {
      const client = await verdictOn(() => answer as unknown as AuthorizeVerdict);
      expect(client.admitted).toBe(false);
      expect(client.rejected?.word).toBe("auth");
    },
  );
});

describe("a hook that fails", () => {
  test.each<[string, Authorize]>([
    [
      "by throwing",
      () => {
        throw new Error("s3cret");
      },
    ],
    ["by rejecting", () => Promise.reject(new Error("s3cret"))],
  ])("%s lets nobody in and tells nothing", async (_, authorize) => {
    const client = await verdictOn(authorize);
    expect(client.rejected?.word).toBe("internal");
    expect(client.rejected?.message).not.toContain("s3cret");
  });

  test("is logged for the operator", async () => {
    const lines: string[] = [];
    const logger = pino({}, { write: (line: string) => lines.push(line) });
    new VirtualServer({ logger, authorize: () => Promise.reject(new Error("no database")) }).join({});
    await decided();
    expect(lines.join("")).toContain("no database");
  });
});

describe("a hook that takes its time", () => {
  function pending(options = {}) {
    const { promise, resolve, reject } = openPromise();
    const server = new VirtualServer({ ...options, authorize: () => promise });
    return { server, resolve, reject, client: server.join({ name: "alice" }) };
  }

  test("has as long as the setup may take", async () => {
    const { server, client, resolve } = pending({ setupTimeoutMs: 3_000 });
    server.advance(2_999);
    expect(client.rejected).toBeUndefined();
    server.advance(51);
    expect(client.rejected?.word).toBe("timeout");
    resolve(true);
    await decided();
    expect(server.heart.clients).toBe(0);
  });

  test.each<[string, (client: VirtualClient) => void, (p: ReturnType<typeof pending>) => void]>([
    ["gone, then accepted", (client) => client.close(), ({ resolve }) => resolve(true)],
    ["half closed, then accepted", (client) => client.halfClose(), ({ resolve }) => resolve(true)],
    ["gone, then refused", (client) => client.close(), ({ resolve }) => resolve({ refuse: "no" })],
    ["gone, then failed", (client) => client.close(), ({ reject }) => reject(new Error("late"))],
  ])("leaves nothing behind of a client that is %s", async (_, leave, decide) => {
    const everything = pending();
    const { server, client } = everything;
    leave(client);
    decide(everything);
    await decided();
    client.close();
    expect(client.link.packets.filter(({ type }) => type === "reject")).toEqual([]);
    expect(server.heart).toMatchObject({ clients: 0, networks: 0, connections: 0 });
    expect(client.visitor?.wheelSlot).toBe(0);
  });

  test("does not upset the limits when many clients leave before it fails", async () => {
    const { promise, reject } = openPromise();
    const server = new VirtualServer({ maxClients: 1, authorize: () => promise });
    for (let i = 0; i < 200; i++) server.join({}).close();
    reject(new Error("late"));
    await decided();
    server.connect();
    expect(server.connect().rejected?.word).toBe("limit");
  });

  test("may answer after the client broke a rule", async () => {
    const { server, client, resolve } = pending();
    client.send(Uint8Array.of(0));
    resolve(true);
    await decided();
    expect(client.rejected?.word).toBe("malformed");
    expect(server.heart.clients).toBe(0);
  });
});

describe("what the hook is told", () => {
  const identity = new Uint8Array(32).fill(7);

  /** What the hook gets of somebody who says everything, from this address. */
  async function requestFrom(address: string, options = {}): Promise<AuthorizeRequest | undefined> {
    const authorize = vi.fn<Authorize>(() => true);
    const server = new VirtualServer({ ...options, authorize });
    server.join({ name: "alice", network: "n", token: "t0ken", identity }, address);
    await decided();
    return authorize.mock.calls[0]?.[0];
  }

  test.each([
    ["127.0.0.1", "127.0.0.1"],
    ["127.9.9.9", "127.9.9.9"],
    ["::ffff:127.0.0.1", "127.0.0.1"],
    ["::1", "::1"],
  ])("from %s: network, token, identity and address", async (address, shown) => {
    const request = await requestFrom(address);
    expect(request).toEqual({ network: "n", token: encodeUtf8("t0ken"), identity, address: shown });
  });

  test.each(["192.0.2.1", "::ffff:192.0.2.1", "2001:db8::1", "128.0.0.1", "::2"])(
    "from %s no token, because nothing protects the connection",
    async (address) => {
      const request = await requestFrom(address);
      expect(request).toMatchObject({ network: "n", token: undefined });
    },
  );

  test("the token of everybody where the operator wants it so", async () => {
    const request = await requestFrom("192.0.2.1", { acceptInsecureTokens: true });
    expect(request?.token).toEqual(encodeUtf8("t0ken"));
  });

  test("undefined for what was not said", async () => {
    const authorize = vi.fn<Authorize>(() => true);
    new VirtualServer({ authorize }).join({}, "::1");
    await decided();
    const nothing = { network: undefined, token: undefined, identity: undefined, address: "::1" };
    expect(authorize.mock.calls).toEqual([[nothing]]);
  });
});
