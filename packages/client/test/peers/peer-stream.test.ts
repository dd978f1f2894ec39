import { once } from "node:events";
import { type Duplex, duplexPair } from "node:stream";
import { finished } from "node:stream/promises";
import { describe, expect, test } from "vitest";
import { PeerStream } from "../../src/peers/peer-stream.ts";
import { closeOf, RAW_PAIRS } from "./raw-paths.ts";
import { securedPair } from "./secured-peers.ts";

const FACTS = {
  path: { method: "tcp", local: "a:1", remote: "b:2", relayed: false, roundTripMs: 1 },
  trace: { peer: "", attempts: [], omitted: 0 },
  identity: new Uint8Array(32),
  label: "",
};

function streamOver(inner: Duplex): PeerStream {
  return new PeerStream(inner, FACTS);
}

test("what the stream below breaks with is LEKT_PATH, and nobody has to listen", async () => {
  const [inner] = duplexPair();
  const stream = streamOver(inner);
  inner.destroy(Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" }));
  await closeOf(stream);
  expect(stream.errored).toMatchObject({ code: "LEKT_PATH", message: expect.stringMatching(/was reset/) });
});

test("what the stream below closes without an end is no end", async () => {
  const [inner] = duplexPair();
  const stream = streamOver(inner);
  inner.destroy();
  await expect(finished(stream.resume())).rejects.toMatchObject({ code: "LEKT_PATH" });
});

test("an end that came before it is one, too", async () => {
  const [inner, far] = duplexPair();
  far.end();
  await once(inner.resume(), "end");
  await once(streamOver(inner).resume(), "end");
});

test("destroying it destroys what is below", async () => {
  const [inner] = duplexPair();
  streamOver(inner).destroy();
  expect(inner.destroyed).toBe(true);
});

test("a write that waits for room is told when there will be none", async () => {
  const [inner] = duplexPair();
  const stream = streamOver(inner);
  const written = new Promise((resolve) => stream.write(Buffer.alloc(1 << 20), resolve));
  inner.destroy();
  expect(await written).toMatchObject({ code: "LEKT_PATH" });
});

describe.each(RAW_PAIRS)("over $kind", ({ rawPair }) => {
  test("both directions end, each by itself, and then it closes without an error", async () => {
    const [a, b] = (await securedPair(await rawPair())).map(streamOver) as [PeerStream, PeerStream];
    const ended = once(b, "end");
    a.end("question");
    const question = await once(b, "data");
    await ended;
    b.end("answer");
    const answer = await once(a, "data");
    a.resume();
    await Promise.all([finished(a), finished(b)]);
    expect([String(question[0]), String(answer[0])]).toEqual(["question", "answer"]);
  });

  // Also what anybody on the way can do to make a file look shorter than it is.
  test("bytes that are cut off are no end of the stream", async () => {
    const [rawA, rawB] = await rawPair();
    const [, b] = (await securedPair([rawA, rawB])).map(streamOver) as [PeerStream, PeerStream];
    const ended: string[] = [];
    b.on("end", () => ended.push("end")).resume();
    rawA.end();
    await expect(finished(b)).rejects.toMatchObject({ code: "LEKT_PATH" });
    expect(ended).toEqual([]);
  });

  test("an end that was told counts, however late it is read", async () => {
    const [rawA, rawB] = await rawPair();
    const [a, b] = (await securedPair([rawA, rawB])).map(streamOver) as [PeerStream, PeerStream];
    a.end("the last word");
    a.resume();
    b.end();
    // The path is gone before anybody reads.
    await closeOf(rawB);
    const parts: string[] = [];
    for await (const part of b) parts.push(String(part));
    expect(parts.join("")).toBe("the last word");
    await finished(a);
  });
});
