import { describe, expect, test } from "vitest";
import type { Person } from "./person.ts";
import { VirtualServer } from "./virtual-server.ts";

/** Joins one by one; the word of each one's refusal, or undefined. */
function joinAll(
  server: VirtualServer,
  people: readonly (readonly [Person, string?])[],
): (string | undefined)[] {
  return people.map(([person, address]) => server.join(person, address).rejected?.word);
}

describe("maxClients", () => {
  test("are let in, the next one is refused at the door", () => {
    const server = new VirtualServer({ maxClients: 2 });
    const [first] = [server.connect(), server.join({ name: "b" })];
    const third = server.connect();
    expect(third.rejected?.message).toBe("limit: this server is full (2 clients)");
    expect(first.rejected).toBeUndefined();
  });

  test("counts who is there now", () => {
    const server = new VirtualServer({ maxClients: 2 });
    const [alice] = [server.join({ name: "alice" }), server.join({ name: "bob" })];
    alice.close();
    expect(joinAll(server, [[{ name: "carol" }], [{ name: "dave" }]])).toEqual([undefined, "limit"]);
  });

  test("does not count those who are being refused", () => {
    const server = new VirtualServer({ maxClients: 2, maxConnectionsPerSecond: 2 });
    for (let i = 0; i < 50; i++) server.connect("192.0.2.1");
    expect(server.connect("192.0.2.1").rejected?.word).toBe("limit");
    for (let i = 0; i < 2; i++) server.advance(1_000);
    expect(joinAll(server, [[{ name: "alice" }], [{ name: "bob" }]])).toEqual(["limit", "limit"]);
    server.advance(10_000);
    for (let i = 0; i < 20; i++) server.connect("192.0.2.2").send(Uint8Array.of(0));
    expect(joinAll(server, [[{ name: "carol" }], [{ name: "dave" }], [{ name: "eve" }]])).toEqual([
      undefined,
      undefined,
      "limit",
    ]);
  });

  test("is told to so many at once; who comes then is cut off without a word", () => {
    const server = new VirtualServer({ maxClients: 1 });
    server.join({ name: "alice" });
    const refused = Array.from({ length: 128 }, () => server.connect());
    expect(refused.every((client) => client.rejected?.word === "limit")).toBe(true);
    const cut = server.connect();
    expect(cut.visitor).toBeUndefined();
    expect(cut.link).toMatchObject({ destroyed: true, packets: [] });
    expect(server.heart.connections).toBe(129);
    server.advance(1_050);
    expect(server.connect().rejected?.word).toBe("limit");
  });
});

describe("maxClientsPerNetwork", () => {
  test("are let in, watchers included, the next one is refused at the end of the setup", () => {
    const server = new VirtualServer({ maxClientsPerNetwork: 2 });
    server.join({ name: "a", network: "n" });
    server.join({ watch: true, network: "n" });
    const third = server.join({ name: "c", network: "n" });
    expect(third.rejected?.message).toBe("limit: this network is full (2 clients)");
    expect(third.asked).toEqual([17, 20]);
    expect(server.heart.clients).toBe(2);
  });

  test("counts for each network alone", () => {
    const server = new VirtualServer({ maxClientsPerNetwork: 1 });
    const joins = joinAll(server, [[{ network: "n" }], [{ network: "m" }], [{}], [{ network: "n" }]]);
    expect(joins).toEqual([undefined, undefined, undefined, "limit"]);
  });

  test("counts who is there now", () => {
    const server = new VirtualServer({ maxClientsPerNetwork: 1 });
    server.join({ name: "a" }).close();
    expect(joinAll(server, [[{ name: "b" }]])).toEqual([undefined]);
  });
});

describe("maxClientsPerAddress", () => {
  const limits = { maxClientsPerAddress: 2 };

  test.each([
    ["an IPv4 address", ["192.0.2.1", "192.0.2.1"], "192.0.2.1", "192.0.2.2"],
    ["an IPv4 address, mapped or not", ["::ffff:192.0.2.1", "192.0.2.1"], "::ffff:c000:201", "192.0.2.2"],
    ["a /64 of IPv6", ["2001:db8:0:1::1", "2001:db8:0:1::2"], "2001:db8:0:1:ffff::", "2001:db8:0:2::1"],
  ])("counts by %s", (_, inside, oneMore, elsewhere) => {
    const server = new VirtualServer(limits);
    const joins = joinAll(
      server,
      [...inside, oneMore, elsewhere].map((address) => [{}, address] as const),
    );
    expect(joins).toEqual([undefined, undefined, "limit", undefined]);
  });

  test("counts for each network alone, and watchers too", () => {
    const server = new VirtualServer(limits);
    const joins = joinAll(server, [
      [{ network: "a" }, "192.0.2.1"],
      [{ network: "a", watch: true }, "192.0.2.1"],
      [{ network: "b" }, "192.0.2.1"],
      [{ network: "a", watch: true }, "192.0.2.1"],
    ]);
    expect(joins).toEqual([undefined, undefined, undefined, "limit"]);
  });

  test("counts who is there now", () => {
    const server = new VirtualServer(limits);
    const clients = ["a", "b"].map((name) => server.join({ name }, "192.0.2.1"));
    clients[0]?.close();
    expect(
      joinAll(server, [
        [{}, "192.0.2.1"],
        [{}, "192.0.2.1"],
      ]),
    ).toEqual([undefined, "limit"]);
  });
});

describe("maxConnectionsPerSecond", () => {
  test.each([
    ["an IPv4 address", "192.0.2.1", "::ffff:192.0.2.1", "192.0.2.2"],
    ["a /64 of IPv6", "2001:db8:0:1::1", "2001:db8:0:1:2::", "2001:db8:0:2::1"],
  ])("counts by %s", (_, address, same, other) => {
    const server = new VirtualServer({ maxConnectionsPerSecond: 3 });
    const words = [address, same, address, same, other].map((from) => server.connect(from).rejected?.word);
    expect(words).toEqual([undefined, undefined, undefined, "rate", undefined]);
    server.advance(1_000);
    expect(server.connect(address).rejected).toBeUndefined();
  });

  test("counts connections that end at once, too", () => {
    const server = new VirtualServer({ maxConnectionsPerSecond: 3 });
    for (let i = 0; i < 3; i++) server.connect("192.0.2.1").close();
    expect(server.connect("192.0.2.1").rejected?.word).toBe("rate");
  });
});

describe("the default network", () => {
  test("can be closed; named ones stay open", () => {
    const server = new VirtualServer({ defaultNetwork: false });
    const nameless = server.join({ name: "alice" });
    expect(nameless.rejected?.word).toBe("auth");
    expect(nameless.admitted).toBe(false);
    expect(server.join({ name: "bob", network: "n" }).admitted).toBe(true);
    expect(server.heart.networks).toBe(1);
  });

  test("is open otherwise", () => {
    expect(new VirtualServer().join({ name: "alice" }).admitted).toBe(true);
  });
});

test("a connection without an address is cut off", () => {
  const server = new VirtualServer();
  const nobody = server.connect("");
  expect(nobody.visitor).toBeUndefined();
  expect(nobody.link.destroyed).toBe(true);
  expect(server.heart.connections).toBe(0);
});
