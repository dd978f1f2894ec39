import { encodeSignal, METHOD, safeText } from "@lekt/protocol";
import { expect, onTestFinished, test } from "vitest";
import { Link } from "../src/link.ts";
import { settingsOf } from "../src/settings.ts";
import { serve, signalled } from "./servers.ts";

const OWN = new Uint8Array(32).fill(1);
const PEER = new Uint8Array(32).fill(2);
const OFFER = Uint8Array.of(7);

test("signals go out and come in while there is a connection that has them", async () => {
  const came: string[] = [];
  const back = signalled();
  const server = await serve(async (client) => {
    await client.setup();
    await client.heartbeat();
    client.reply();
    const packet = await client.next();
    if (packet.type === "signal") client.send(encodeSignal(packet.identity, new Uint8Array(0)));
  });
  const methods = new Map([[METHOD.signal, new Uint8Array(0)]]);
  const link = new Link(settingsOf(server.url, { identity: OWN, methods }), {
    onStatus: ({ state }) => {
      if (state === "online") came.push(`sent ${link.signal(PEER, OFFER)}`);
    },
    onServer: () => {},
    onChanges: () => {},
    onSignal: (from, payload) => {
      came.push(`${from[0]} ${payload.length}`);
      back.resolve();
    },
    onGivenUp: (error) => came.push(safeText(error.message)),
  });
  onTestFinished(() => link.close());
  expect(link.signal(PEER, OFFER)).toBe(false);
  await back.promise;
  expect(came).toEqual(["sent true", "2 0"]);
  await link.close();
  expect(link.signal(PEER, OFFER)).toBe(false);
});
