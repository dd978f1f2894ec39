import { encodeHandshake, encodeHeartbeat, encodeResponse, METHOD } from "@lekt/protocol";
import { expect, test } from "vitest";
import { listening } from "./listening-server.ts";
import { offersOf } from "./person.ts";
import { RawClient } from "./raw-client.ts";
import { repliesOf } from "./reply-text.ts";

const offers = offersOf({ name: "alice", network: "n" });
const handshake = encodeHandshake(20, offers.keys());
const responses = [...offers].map(([method, payload]) => encodeResponse(method, payload));

/** Sends the bytes one by one, each when the one before is on its way. */
async function trickle(client: RawClient, ...packets: readonly Uint8Array[]): Promise<void> {
  for (const byte of Buffer.concat(packets)) {
    await new Promise<void>((resolve) =>
      client.socket.write(Uint8Array.of(byte), () => setImmediate(resolve)),
    );
  }
}

test("a client may send byte by byte (spec 1.4.2)", async () => {
  const { port } = await listening();
  const client = await RawClient.connect(port);
  await trickle(client, handshake);
  await client.until(() => client.asked.length === 2);
  await trickle(client, ...responses);
  await client.until(() => client.asked.at(-1) === 0);
  await trickle(client, encodeHeartbeat(0n), encodeHeartbeat(0n));
  expect(await client.reply(0)).toEqual(["+alice"]);
  expect(await client.reply(1)).toEqual([]);
});

test("a client may send all of its setup in one piece, and many heartbeats in another", async () => {
  const { port } = await listening();
  const client = await RawClient.connect(port);
  client.send(handshake, ...responses);
  await client.until(() => client.asked.at(-1) === 0);
  client.send(...Array.from({ length: 30 }, () => encodeHeartbeat(0n)));
  await client.reply(29);
  const { whole } = repliesOf(client.packets);
  expect(whole).toEqual([["+alice"], ...Array(29).fill([])]);
});

test("a client may not send a heartbeat before the zero request, so not in the same piece either", async () => {
  const { port } = await listening();
  const client = await RawClient.connect(port);
  client.send(handshake, ...responses, encodeHeartbeat(0n));
  await client.end();
  expect(client.rejected?.word).toBe("malformed");
  expect(client.asked).toEqual([METHOD.network, METHOD.name]);
});

test("stray answers for index 0 between heartbeats are ignored (spec 4.8)", async () => {
  const { port } = await listening();
  const client = await RawClient.connect(port);
  client.send(handshake, ...responses);
  await client.until(() => client.asked.at(-1) === 0);
  const stray = encodeResponse(0, new Uint8Array(4_096));
  client.send(stray, encodeHeartbeat(0n), stray, encodeHeartbeat(0n));
  await client.reply(1);
  expect(repliesOf(client.packets).whole).toEqual([["+alice"], []]);
});
