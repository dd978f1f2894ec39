import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { PathCarrier } from "../../src/peers/path-carrier.ts";

async function socketPair(): Promise<[Socket, Socket]> {
  const server = createServer({ allowHalfOpen: true }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const [[here], there] = await Promise.all([
    once(server, "connection") as Promise<[Socket]>,
    connect({ port, host: "127.0.0.1", allowHalfOpen: true }),
  ]);
  onTestFinished(() => {
    for (const socket of [here, there]) socket.destroy();
    server.close();
  });
  return [here, there];
}

test("what came before the socket closed can still be read", async () => {
  const [here, there] = await socketPair();
  const carrier = new PathCarrier(here);
  const closed = once(here, "close");
  carrier.end();
  there.resume().end("the last words");
  carrier.read(0);
  await closed;
  const parts: Buffer[] = [];
  carrier.on("data", (bytes: Buffer) => parts.push(bytes));
  await once(carrier, "end");
  expect(Buffer.concat(parts).toString()).toBe("the last words");
});

test("a socket that is cut off breaks it", async () => {
  const [here, there] = await socketPair();
  const carrier = new PathCarrier(here);
  carrier.on("error", () => {});
  carrier.read(0);
  there.resetAndDestroy();
  await new Promise((resolve) => carrier.once("close", resolve));
  expect(carrier.readableEnded).toBe(false);
});
