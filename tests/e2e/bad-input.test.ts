import { encodeHandshake, encodeResponse, METHOD } from "@lekt/protocol";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { bytesOf, malformedVectors } from "../../packages/protocol/test/vector-files.ts";
import { RawClient } from "../../packages/server/test/raw-client.ts";
import { Bystanders } from "./bystanders.ts";
import { expectReject } from "./reject-of.ts";

let bystanders: Bystanders;

beforeAll(async () => {
  bystanders = await Bystanders.start();
});
afterEach(() => bystanders.expectQuiet());
afterAll(() => bystanders.close());

/** A connection that has come so far that the server has asked for these methods and nothing is answered. */
async function inSetup(asked: readonly number[]): Promise<RawClient> {
  const client = await RawClient.connect(bystanders.port);
  client.send(encodeHandshake(64, asked));
  await client.until(() => client.asked.length === asked.length);
  expect(client.asked).toEqual(asked);
  return client;
}

/** A watcher in the network of the bystanders, where its bytes mean most. */
async function inHeartbeat(): Promise<RawClient> {
  const client = await RawClient.connect(bystanders.port);
  return client.introduce({ network: bystanders.network, watch: true });
}

const vectors = malformedVectors("malformed-client.json").map((vector) => ({
  ...vector,
  word: "word" in vector.error ? vector.error.word : "",
}));

describe("spec/vectors/malformed-client.json", () => {
  test.each(vectors)("$phase: $name → $word", async ({ phase, hex, asked, word }) => {
    const client = await {
      handshake: () => RawClient.connect(bystanders.port),
      setup: () => inSetup(asked ?? []),
      heartbeat: inHeartbeat,
    }[phase]();
    client.send(bytesOf(hex));
    await expectReject(client, word);
  });
});

describe("other protocols get a Reject that they can show", () => {
  test.each([
    ["HTTP", Buffer.from("GET / HTTP/1.1\r\nHost: x\r\n\r\n")],
    ["TLS", Buffer.from("16030100f8010000f40303", "hex")],
    ["SSH", Buffer.from("SSH-2.0-OpenSSH_9.6\r\n")],
    ["a NUL", Uint8Array.of(0)],
  ])("%s", async (_, bytes) => {
    const client = await RawClient.connect(bystanders.port);
    client.send(bytes);
    await expectReject(client, "malformed");
  });
});

describe("a Reject never repeats what the client sent (spec 6.1)", () => {
  const marker = Buffer.from("ZEBRA-4711");

  test.each<[string, () => Promise<RawClient>, Uint8Array]>([
    ["as its first bytes", () => RawClient.connect(bystanders.port), marker],
    ["in a bitfield", () => RawClient.connect(bystanders.port), Buffer.concat([handshakeHead(8), marker])],
    ["as a malformed name", () => inSetup([METHOD.name]), response(METHOD.name, "\n")],
    ["as a malformed network", () => inSetup([METHOD.network]), response(METHOD.network, "\u0000")],
    ["as a malformed hold", () => inSetup([METHOD.hold]), response(METHOD.hold, "")],
    ["as a token that was not asked for", () => inSetup([METHOD.name]), response(METHOD.token, "")],
    ["in the heartbeat phase", inHeartbeat, response(METHOD.data, "")],
  ])("%s", async (_, start, bytes) => {
    const client = await start();
    client.send(bytes);
    await expectReject(client, "malformed");
    expect(client.rejected?.message).not.toMatch(/ZEBRA|4711|5a45/i);
  });

  function handshakeHead(known: number): Uint8Array {
    return encodeHandshake(known, []).subarray(0, 12);
  }

  function response(method: number, end: string): Uint8Array {
    return encodeResponse(method, Buffer.concat([marker, Buffer.from(end)]));
  }
});

test("who was refused and goes on sending is not listened to, and reads the Reject all the same (spec 6.5)", async () => {
  const client = await RawClient.connect(bystanders.port, { allowHalfOpen: true });
  client.send(Buffer.from("no LEKT"));
  for (let i = 0; i < 50; i++) client.send(Buffer.alloc(10_000, i));
  await expectReject(client, "malformed");
});

test("after all that, the bystanders have noticed nothing, and the server serves", async () => {
  await bystanders.expectUndisturbed();
});
