import { once } from "node:events";
import { PassThrough } from "node:stream";
import type { PeerStream } from "@lekt/client";
import { expect, test } from "vitest";
import { atMost } from "../src/peers/connection-limit.ts";

test("so many connections are handed on at once, further ones closed, and one that ends makes room", async () => {
  const taken: unknown[] = [];
  const refused: unknown[] = [];
  const handler = atMost(
    2,
    (stream) => taken.push(stream),
    (stream) => refused.push(stream),
  );
  const come = () => {
    const stream = new PassThrough() as unknown as PeerStream;
    handler(stream, undefined);
    return stream;
  };
  const [one, two, three] = [come(), come(), come()];
  expect(taken).toEqual([one, two]);
  expect(refused).toEqual([three]);
  expect([one, two, three].map(({ destroyed }) => destroyed)).toEqual([false, false, true]);
  one.destroy();
  await once(one, "close");
  const four = come();
  expect(taken).toEqual([one, two, four]);
  expect(refused).toEqual([three]);
});
