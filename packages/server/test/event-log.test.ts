import { encodeHandshake, encodeResponse, METHOD, toHex } from "@lekt/protocol";
import { describe, expect, test } from "vitest";
import { EventLog } from "../src/event-log.ts";
import { memoryLog } from "./log-lines.ts";
import { VirtualServer } from "./virtual-server.ts";

const TOKEN = "t0ken-of-alice";
const NETWORK = "the-hidden-network";

/** Every form in which a payload might slip into a line. */
function formsOf(text: string): string[] {
  const bytes = Buffer.from(text);
  return [text, bytes.toString("hex"), bytes.toString("base64"), bytes.join(","), JSON.stringify(bytes)];
}

describe("no line has a private payload in it (spec/methods.md)", () => {
  test("whatever happens to those who sent one", async () => {
    const { logger, lines, text } = memoryLog();
    const person = { name: "alice", network: NETWORK, token: TOKEN, holdMs: 12_345 };
    const server = new VirtualServer({
      logger,
      maxClientsPerNetwork: 2,
      authorize: ({ address }) => {
        if (address === "127.0.0.9") throw new Error("no answer");
        return address === "127.0.0.8" ? { refuse: "not you" } : undefined;
      },
    });
    const clients = ["127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.8", "127.0.0.9"].map((address) =>
      server.join(person, address),
    );
    await new Promise((resolve) => setImmediate(resolve));
    clients[0]?.link.stopReading();
    clients[0]?.beat();
    clients[1]?.send(encodeResponse(METHOD.token, Buffer.from(TOKEN)));
    const confused = server.connect("127.0.0.4");
    confused.send(encodeHandshake(64, [METHOD.network, METHOD.token]));
    confused.send(encodeResponse(METHOD.network, Buffer.from(`${NETWORK}\n`)));
    server.connect("127.0.0.5").send(Buffer.from(TOKEN));
    server.advance(60_000);
    server.heart.stop();
    const told = new Set(lines.map((line) => line.msg));
    for (const msg of ["client joined", "client left", "client refused", "stopping"])
      expect(told).toContain(msg);
    expect(told).toContain("client dropped: it reads too slowly");
    expect(told).toContain("the authorize hook failed");
    for (const form of [...formsOf(TOKEN), ...formsOf(NETWORK)]) expect(text()).not.toContain(form);
  });

  test("and the bytes of who speaks another language neither", () => {
    const { logger, text } = memoryLog();
    const server = new VirtualServer({ logger });
    const secret = "GET /?password=hunter2 HTTP/1.1";
    server.connect().send(Buffer.from(secret));
    expect(text()).toContain("malformed");
    expect(text()).not.toContain("hunter2");
    expect(text()).not.toContain(toHex(Buffer.from("hunter2")));
  });
});

test("networks stand in the log by number", () => {
  const { logger, lines } = memoryLog();
  const server = new VirtualServer({ logger });
  for (const network of ["a", "b", "a"]) server.join({ name: "x", network });
  expect(lines.map((line) => [line.msg, line["network"], line["clients"]])).toEqual([
    ["client joined", 1, 1],
    ["client joined", 2, 1],
    ["client joined", 1, 2],
  ]);
});

test("names are made safe for terminals", () => {
  const { logger, lines } = memoryLog();
  new VirtualServer({ logger }).join({ name: "a\u202eb\u200bc" });
  expect(lines[0]).toMatchObject({ msg: "client joined", name: "a\\u{202e}b\\u{200b}c" });
});

describe("refused clients", () => {
  function refuse(log: EventLog, times: number, nowMs: number): void {
    for (let i = 0; i < times; i++) log.refused("192.0.2.1", "rate", "too often", nowMs);
  }

  test("have a line each, with the reason made safe", () => {
    const { logger, lines } = memoryLog();
    new EventLog(logger).refused("192.0.2.1", "auth", "no\u001b[2J", 5_000);
    const line = { msg: "client refused", address: "192.0.2.1", word: "auth", reason: "no\\u{1b}[2J" };
    expect(lines).toMatchObject([line]);
  });

  test("have 20 lines a second; the rest are summed up", () => {
    const { logger, lines } = memoryLog();
    const log = new EventLog(logger);
    refuse(log, 500, 5_000);
    refuse(log, 500, 5_999);
    expect(lines).toHaveLength(20);
    refuse(log, 1, 6_000);
    expect(lines.slice(20)).toMatchObject([
      { msg: "more clients were refused", unlogged: 980 },
      { msg: "client refused" },
    ]);
  });

  test("are not summed up where every one had its line", () => {
    const { logger, lines } = memoryLog();
    const log = new EventLog(logger);
    refuse(log, 20, 5_000);
    refuse(log, 20, 6_000);
    expect(lines.map((line) => line.msg)).toEqual(Array(40).fill("client refused"));
  });

  test("cannot fill the log by connecting in a loop", () => {
    const { logger, lines } = memoryLog();
    const server = new VirtualServer({ logger });
    for (let i = 0; i < 1_000; i++) server.connect("192.0.2.1").close();
    expect(lines.length).toBeLessThanOrEqual(20);
  });
});

test("without a logger nothing is written, and all works", () => {
  const server = new VirtualServer();
  const alice = server.settled({ name: "alice" });
  server.connect().send(Uint8Array.of(0));
  server.heart.stop();
  expect(alice.rejected?.word).toBe("shutdown");
});
