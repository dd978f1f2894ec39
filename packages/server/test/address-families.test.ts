import { formatIpv4, METHOD, parseIpv6, payloadOf, pseudoAddress, type ServerPacket } from "@lekt/protocol";
import { expect, test } from "vitest";
import { listening } from "./listening-server.ts";
import { RawClient } from "./raw-client.ts";

const LOOPBACK = parseIpv6("::1") ?? new Uint8Array(0);
const PSEUDO = formatIpv4(pseudoAddress(LOOPBACK));

function objectsIn(packets: readonly ServerPacket[]) {
  return packets.flatMap((packet) =>
    packet.type === "client" && packet.object.ip !== 0 ? [packet.object] : [],
  );
}

test("clients on IPv4 and IPv6 meet in one network (spec 5.12)", async () => {
  const { port } = await listening({ host: "::" });
  const four = await (await RawClient.connect(port, { host: "127.0.0.1" })).introduce({
    name: "four",
    server: true,
  });
  const [wordForFour] = await four.beat();
  const six = await (await RawClient.connect(port, { host: "::1" })).introduce({ name: "six", server: true });
  const [wordForSix] = await six.beat();
  expect(await four.beat()).toEqual(["+six"]);

  expect(wordForFour).toContain(`"you":{"address":"127.0.0.1","port":${four.socket.localPort}}`);
  expect(wordForSix).toContain(`"you":{"address":"::1","port":${six.socket.localPort}}`);
  for (const client of [four, six]) {
    const seen = objectsIn(client.packets).map((object) => [
      formatIpv4(object.ip),
      payloadOf(object, METHOD.ipv6),
    ]);
    expect(seen).toEqual([
      ["127.0.0.1", undefined],
      [PSEUDO, LOOPBACK],
    ]);
  }
});

test("a client on IPv6 that leaves is removed by its pseudo address", async () => {
  const { port } = await listening({ host: "::" });
  const four = await (await RawClient.connect(port)).introduce({ name: "four", holdMs: 25_000 });
  await four.beat();
  const news = four.beat();
  const six = await (await RawClient.connect(port, { host: "::1" })).introduce({ name: "six" });
  expect(await news).toEqual(["+six"]);
  const later = four.beat();
  six.socket.end();
  expect(await later).toEqual([`-${PSEUDO}`]);
});

test("a client's own ipv6 attribute has no effect (spec/methods.md, 25)", async () => {
  const { port } = await listening();
  const client = await RawClient.connect(port);
  client.send(Buffer.from("4c454b5448010000000000190100000000000000", "hex").subarray(0, 16));
  await client.until(() => client.asked.at(-1) === 0);
  expect(client.asked).toEqual([0]);
  await client.beat();
  expect(objectsIn(client.packets)).toEqual([{ ip: 0x7f000001, methods: [] }]);
});
