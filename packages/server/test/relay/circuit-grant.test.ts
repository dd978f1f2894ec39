import { decodeUtf8, encodeSignal, encodeUtf8, SERVER_IDENTITY } from "@lekt/protocol";
import { expect, test } from "vitest";
import type { ServerOptions } from "../../src/options.ts";
import { listening } from "../listening-server.ts";
import { RawClient } from "../raw-client.ts";
import { CircuitClient } from "./circuit-client.ts";

/** A client asks for a circuit. @returns the server's answer, or undefined where the question came back. */
async function grantOf(port: number): Promise<Record<string, unknown> | undefined> {
  const client = await RawClient.connect(port);
  await client.introduce({ identity: new Uint8Array(32).fill(7), signal: true });
  client.send(encodeSignal(SERVER_IDENTITY, encodeUtf8('{"want":"circuit"}')));
  await client.until(() => client.packets.some(({ type }) => type === "signal"));
  const [payload] = client.packets.flatMap((packet) => (packet.type === "signal" ? [packet.payload] : []));
  return payload?.length ? JSON.parse(decodeUtf8(payload) ?? "") : undefined;
}

test("a client is given a circuit at the server's own port, good for a pair and no more", async () => {
  const { port } = await listening();
  const grant = await grantOf(port);
  expect(grant).toMatchObject({ relay: `127.0.0.1:${port}`, expires: expect.any(Number) });
  const token = Uint8Array.from(Buffer.from(grant?.["circuit"] as string, "hex"));
  const a = await CircuitClient.connect(port, token, "from a");
  const b = await CircuitClient.connect(port, token, "from b");
  await Promise.all([a.said("from b"), b.said("from a")]);
  expect(await (await CircuitClient.connect(port, token)).rejection()).toMatch(/^auth: /);
});

test("at a relay elsewhere it is one that the relay's key has made", async () => {
  const options: ServerOptions = { relayAddress: "relay.example.org:4000", relayKey: new Uint8Array(32) };
  const grant = await grantOf((await listening(options)).port);
  expect(grant).toMatchObject({ relay: "relay.example.org:4000" });
  const { port } = await listening({ relayKey: new Uint8Array(32) });
  const token = Uint8Array.from(Buffer.from(grant?.["circuit"] as string, "hex"));
  const a = await CircuitClient.connect(port, token);
  const b = await CircuitClient.connect(port, token, "it holds");
  await a.said("it holds");
  expect(b.isAccepted).toBe(true);
});

test("there is none where the server has no relay", async () => {
  expect(await grantOf((await listening({ relay: false })).port)).toBeUndefined();
});
