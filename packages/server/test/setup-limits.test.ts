import { encodeHandshake } from "@lekt/protocol";
import { describe, expect, test } from "vitest";
import { VirtualServer } from "./virtual-server.ts";

/** What the server says to who shows so many bytes, names a network of so many, or knows so many methods. */
function verdict(
  options: object,
  act: { known?: number; bulkBytes?: number; token?: string; name?: string },
) {
  const server = new VirtualServer(options);
  const client = server.connect("127.0.0.1");
  if (act.known !== undefined) client.send(encodeHandshake(act.known, []));
  else client.introduce(act);
  return client.rejected?.word ?? (client.admitted ? "in" : "waits");
}

describe("each limit of the setup is the option's, on both sides of its edge (spec 3.6, 4.5)", () => {
  test.each([
    ["maxKnownMethods", { maxKnownMethods: 40 }, { known: 40 }, { known: 41 }],
    ["maxKnownMethods by default", {}, { known: 1_024 }, { known: 1_025 }],
    ["maxPayloadBytes", { maxPayloadBytes: 99 }, { token: "x".repeat(99) }, { token: "x".repeat(100) }],
    ["maxPayloadBytes by default", {}, { token: "x".repeat(4_096) }, { token: "x".repeat(4_097) }],
    [
      "maxPublishedBytes",
      { maxPublishedBytes: 99 },
      { bulkBytes: 94, name: "alice" },
      { bulkBytes: 95, name: "alice" },
    ],
    [
      "maxPublishedBytes by default",
      {},
      { bulkBytes: 2_043, name: "alice" },
      { bulkBytes: 2_044, name: "alice" },
    ],
    [
      "maxTotalPayloadBytes",
      { maxTotalPayloadBytes: 99 },
      { token: "x".repeat(49), bulkBytes: 50 },
      { token: "x".repeat(50), bulkBytes: 50 },
    ],
  ])("%s", (_, options, allowed, refused) => {
    expect(verdict(options, allowed)).toBe("in");
    expect(verdict(options, refused)).toBe("limit");
  });
});

test("who breaks a rule behind the last answer was never in (spec 4.7)", () => {
  const server = new VirtualServer();
  const alice = server.settled({ name: "alice" });
  const eager = server.connect();
  eager.send(encodeHandshake(0, []), Uint8Array.of(0));
  expect(eager.rejected?.word).toBe("malformed");
  expect(eager.admitted).toBe(false);
  alice.beat();
  expect(alice.lastReply).toEqual([]);
});
