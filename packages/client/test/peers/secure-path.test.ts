import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import type { Duplex } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it, test } from "vitest";
import { pathError } from "../../src/peers/path-guard.ts";
import { closeOf, memoryPair, RAW_PAIRS } from "./raw-paths.ts";
import {
  accepting,
  ada,
  bothSides,
  dialing,
  grace,
  NETWORK_KEY,
  outcomes,
  securedPair,
} from "./secured-peers.ts";

describe.each(RAW_PAIRS)("over $kind", ({ rawPair }) => {
  test.each([
    { begins: "the dialing side", tls: ["client", "server"] },
    { begins: "the accepting side", tls: ["server", "client"] },
  ] as const)("both sides learn who the other is, whoever begins TLS: $begins", async ({ tls }) => {
    const asked: unknown[] = [];
    const accept = (peer: unknown) => asked.push(peer) > 0;
    const [a, b] = await rawPair();
    const [dialed, accepted] = await Promise.all([
      dialing(a, { tls: tls[0], label: "chat é", expected: grace.fingerprint, networkKey: NETWORK_KEY }),
      accepting(b, { tls: tls[1], expected: ada.fingerprint, networkKey: NETWORK_KEY, accept }),
    ]);
    expect(dialed).toMatchObject({ identity: grace.fingerprint, label: "chat é" });
    expect(accepted).toMatchObject({ identity: ada.fingerprint, label: "chat é" });
    expect(asked).toEqual([{ identity: ada.fingerprint, label: "chat é" }]);
  });

  it("carries what is written at once, and ends each direction by itself", async () => {
    const pair = await rawPair();
    const [a, b] = await securedPair(pair);
    b.end("first the answer");
    expect(String(await untilEnd(a))).toBe("first the answer");
    a.end("then the question");
    expect(String(await untilEnd(b))).toBe("then the question");
    await Promise.all([...pair, a, b].map(closeOf));
  });

  it("carries megabytes both ways at once, unchanged", async () => {
    const [a, b] = await securedPair(await rawPair());
    const sent = [randomBytes(4 << 20), randomBytes(4 << 20)] as const;
    a.end(sent[0]);
    b.end(sent[1]);
    const [fromB, fromA] = await Promise.all([untilEnd(a), untilEnd(b)]);
    expect([digest(fromA), digest(fromB)]).toEqual([digest(sent[0]), digest(sent[1])]);
  });

  it("makes a writer wait for a reader that does not read", async () => {
    const [a, b] = await securedPair(await rawPair());
    const chunk = new Uint8Array(65_536);
    const most = 64 << 20;
    let written = 0;
    while (written < most) {
      written += chunk.length;
      if (!a.write(chunk) && !(await drainsSoon(a))) break;
    }
    expect(written).toBeLessThan(most);
    a.end();
    expect((await untilEnd(b)).length).toBe(written);
  });

  it("takes the path with it when it is destroyed, and the peer is told that this was no end", async () => {
    const pair = await rawPair();
    const [a, b] = await securedPair(pair);
    const broken = errorOf(b);
    a.write("as far as");
    a.destroy();
    expect(pathError(await broken).code).toBe("LEKT_PATH");
    await Promise.all([...pair, a, b].map(closeOf));
  });

  it("is broken when the path is, and both are told", async () => {
    const pair = await rawPair();
    const [a, b] = await securedPair(pair);
    const broken = [errorOf(a), errorOf(b)];
    pair[0].destroy(new Error("the cable is cut"));
    for (const error of await Promise.all(broken)) expect(pathError(error).code).toBe("LEKT_PATH");
    await Promise.all([...pair, a, b].map(closeOf));
  });

  it("does not take the end of the bytes for the end of what the peer says", async () => {
    const pair = await rawPair();
    const [, b] = await securedPair(pair);
    const broken = errorOf(b);
    pair[0].end();
    expect(await broken).toMatchObject({ code: "LEKT_PATH", message: expect.stringContaining("cut off") });
  });

  test("what came before the path closed can still be read, however late", async () => {
    const pair = await rawPair();
    const closed = new Promise((resolve) => pair[0].once("close", resolve));
    const [here, there] = await securedPair(pair);
    here.end();
    there.resume().end(Buffer.alloc(8_000, 1));
    here.read(0);
    await closed;
    const parts: Buffer[] = [];
    here.on("data", (bytes: Buffer) => parts.push(bytes));
    await new Promise((resolve, reject) => here.once("end", resolve).once("error", reject));
    expect(Buffer.concat(parts)).toHaveLength(8_000);
  });
});

describe("the accepting side may refuse", () => {
  it("and both are told", async () => {
    const pair = await memoryPair();
    const sides = bothSides(pair, {}, { accept: ({ label }) => label !== "" });
    expect(await outcomes(sides)).toEqual(["LEKT_PEER_REFUSED", "LEKT_PEER_REFUSED"]);
    expect(pair.map(({ destroyed }) => destroyed)).toEqual([true, true]);
  });

  it("also who has the network key", async () => {
    const key = { networkKey: NETWORK_KEY };
    const sides = bothSides(await memoryPair(), key, { ...key, accept: async () => false });
    expect(await outcomes(sides)).toEqual(["LEKT_PEER_REFUSED", "LEKT_PEER_REFUSED"]);
  });

  it("by failing, and the failure is its own", async () => {
    const accept = async () => {
      throw new RangeError("no room");
    };
    const [a, b] = await Promise.allSettled(bothSides(await memoryPair(), {}, { accept }));
    expect(a).toMatchObject({ reason: { code: "LEKT_PEER_REFUSED" } });
    expect(b).toMatchObject({ reason: expect.any(RangeError) });
  });

  it("and does not wait for ever until the refused one has gone", async () => {
    const [a, b] = await memoryPair();
    const silent = dialing(a, { timeoutMs: 20_000, accept: () => true });
    const refused = accepting(b, { accept: () => false });
    expect(await outcomes([silent, refused])).toEqual(["LEKT_PEER_REFUSED", "LEKT_PEER_REFUSED"]);
  });
});

describe("what cannot be asked for", () => {
  test.each([
    { what: "a label of 256 bytes", options: { label: "l".repeat(256) }, says: /longer than 255/ },
    { what: "a label with a line break", options: { label: "a\nb" }, says: /control/ },
    {
      what: "a key of 31 bytes",
      options: { networkKey: new Uint8Array(31) },
      says: /32 bytes, and this one 31/,
    },
    {
      what: "a key of 33 bytes",
      options: { networkKey: new Uint8Array(33) },
      says: /32 bytes, and this one 33/,
    },
  ])("$what", async ({ options, says }) => {
    const [a] = await memoryPair();
    const error = await dialing(a, options).catch((error) => error);
    expect(error).toMatchObject({ code: "LEKT_OPTION", message: expect.stringMatching(says) });
    expect(a.destroyed).toBe(true);
  });
});

/** Reading to the end as `for await` does destroys a stream, and its other direction with it. */
async function untilEnd(stream: Duplex): Promise<Buffer> {
  const parts: Buffer[] = [];
  stream.on("data", (bytes) => parts.push(bytes));
  await once(stream, "end");
  return Buffer.concat(parts);
}

function errorOf(stream: Duplex): Promise<unknown> {
  stream.resume();
  return new Promise((resolve) => stream.once("error", resolve));
}

/** A machine that is too slow for this makes the writer stop early, and nothing else. */
async function drainsSoon(stream: Duplex): Promise<boolean> {
  const late = new AbortController();
  const drained = once(stream, "drain", late).then(
    () => true,
    () => false,
  );
  const waited = await Promise.race([drained, sleep(300, false)]);
  late.abort();
  return waited;
}

function digest(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
