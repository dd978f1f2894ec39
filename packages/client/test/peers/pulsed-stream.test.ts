import { once } from "node:events";
import { type Duplex, duplexPair } from "node:stream";
import { finished } from "node:stream/promises";
import { MAX_FRAME_BYTES, PULSE_FRAME } from "@lekt/protocol";
import { describe, expect, onTestFinished, test } from "vitest";
import { PulsedStream, SILENT_INTERVALS } from "../../src/peers/pulsed-stream.ts";
import { closeOf, tcpPair } from "./raw-paths.ts";
import { accepting, dialing, rawTlsClient, rawTlsServer } from "./secured-peers.ts";

const INTERVAL_MS = 20;

/** Two ends, and what is below each. */
function pulsedPair(intervalMs = INTERVAL_MS): {
  ends: [PulsedStream, PulsedStream];
  below: [Duplex, Duplex];
} {
  const below = duplexPair();
  const ends = below.map((stream) => new PulsedStream(stream, intervalMs)) as [PulsedStream, PulsedStream];
  onTestFinished(() => {
    for (const end of ends) end.destroy();
  });
  return { ends, below };
}

/** One end whose peer is written by hand. */
function withBarePeer(intervalMs = INTERVAL_MS): [PulsedStream, Duplex] {
  const [below, peer] = duplexPair();
  const stream = new PulsedStream(below, intervalMs);
  onTestFinished(() => {
    stream.destroy();
  });
  return [stream, peer];
}

function frame(bytes: Uint8Array): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt32BE(bytes.length);
  return Buffer.concat([head, bytes]);
}

/** Resolves after so many turns of timers like those of the streams. */
async function intervals(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setTimeout(resolve, INTERVAL_MS));
}

async function textOf(stream: Duplex): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of stream.iterator({ destroyOnReturn: false })) parts.push(part);
  return Buffer.concat(parts).toString();
}

describe("a peer that falls silent", () => {
  const silent = { code: "LEKT_PATH", message: expect.stringContaining("nothing comes") };

  test("is noticed where nothing is to be sent", async () => {
    const [stream] = withBarePeer();
    await expect(finished(stream)).rejects.toMatchObject(silent);
  });

  test("is noticed where nobody reads the stream", async () => {
    const [stream, peer] = withBarePeer();
    peer.write(frame(Buffer.from("a few bytes")));
    await closeOf(stream);
    expect(stream.errored).toMatchObject(silent);
  });

  test("is noticed with much on its way to it", async () => {
    const [stream] = withBarePeer();
    while (stream.write(Buffer.alloc(65_536)));
    await expect(finished(stream)).rejects.toMatchObject(silent);
  });

  test("is noticed where it has ended its own direction", async () => {
    const [stream, peer] = withBarePeer();
    peer.write(Buffer.from("ffffffff", "hex"));
    stream.resume();
    await once(stream, "end");
    stream.write("an answer");
    await expect(finished(stream)).rejects.toMatchObject(silent);
  });

  test("lives as long as pulses come", async () => {
    const [stream, peer] = withBarePeer();
    peer.resume();
    for (let i = 0; i < 3 * SILENT_INTERVALS; i++) {
      // One for each of the stream's own turns: a slow machine slows down both.
      await once(peer, "data");
      peer.write(PULSE_FRAME);
    }
    expect(stream.destroyed).toBe(false);
  });
});

describe("its close, once both directions have ended", () => {
  const END = Buffer.from("ffffffff", "hex");

  /** Both have ended, and the peer has not said that it knows. */
  async function overStream(): Promise<[PulsedStream, Duplex]> {
    const [stream, peer] = withBarePeer();
    stream.resume();
    peer.write(END);
    stream.end("the last word");
    await Promise.all([once(stream, "end"), once(stream, "finish")]);
    return [stream, peer];
  }

  test("waits for the peer, which has got everything when it ends TLS", async () => {
    const [stream, peer] = await overStream();
    for (let i = 0; i < 3 * SILENT_INTERVALS; i++) {
      peer.write(PULSE_FRAME);
      await intervals(1);
    }
    expect(stream.closed).toBe(false);
    peer.resume().end();
    await closeOf(stream);
    expect(stream.errored).toBe(null);
  });

  test("is an error where the peer falls silent before", async () => {
    const [stream] = await overStream();
    await closeOf(stream);
    expect(stream.errored).toMatchObject({
      code: "LEKT_PATH",
      message: expect.stringContaining("nothing comes"),
    });
  });

  test("is an error where the path breaks before", async () => {
    const [below] = duplexPair();
    const stream = new PulsedStream(below, 60_000);
    stream.resume().end();
    below.push(END);
    await once(stream, "finish");
    below.destroy(new Error("the cable is cut"));
    await closeOf(stream);
    expect(stream.errored).toMatchObject({ code: "LEKT_PATH", message: expect.stringContaining("cable") });
  });
});

test("a write that waits for room is told when there will be none", async () => {
  const [stream] = withBarePeer(60_000);
  const written = new Promise((resolve) => stream.write(Buffer.alloc(1 << 20), resolve));
  stream.destroy();
  expect(await written).toMatchObject({ code: "LEKT_PATH" });
});

describe("two peers", () => {
  test("that have nothing to say stay connected", async () => {
    const { ends } = pulsedPair();
    await intervals(4 * SILENT_INTERVALS);
    expect(ends.map(({ destroyed }) => destroyed)).toEqual([false, false]);
    ends[0].end("at last");
    expect(await textOf(ends[1])).toBe("at last");
  });

  test("of which one does not read stay connected, and nothing is lost", async () => {
    const { ends } = pulsedPair();
    const chunk = Buffer.alloc(65_536);
    let written = 0;
    do written += chunk.length;
    while (ends[0].write(chunk));
    await intervals(4 * SILENT_INTERVALS);
    ends[0].end();
    expect((await textOf(ends[1])).length).toBe(written);
  });

  test("of which one has ended stay connected until the other has", async () => {
    const { ends, below } = pulsedPair();
    ends[0].end("a question");
    expect(await textOf(ends[1].resume())).toBe("a question");
    await intervals(4 * SILENT_INTERVALS);
    ends[1].end("an answer");
    expect(await textOf(ends[0])).toBe("an answer");
    await Promise.all([...ends, ...below].map(closeOf));
    expect(ends.map(({ errored }) => errored)).toEqual([null, null]);
  });

  test("write more at once than one frame takes, and much of little", async () => {
    const { ends } = pulsedPair();
    const long = Buffer.alloc(2 * MAX_FRAME_BYTES + 1, "x");
    ends[0].write(long);
    ends[0].cork();
    for (let i = 0; i < 1_000; i++) ends[0].write("ab");
    ends[0].uncork();
    ends[0].end();
    expect(await textOf(ends[1])).toBe(`${"x".repeat(long.length)}${"ab".repeat(1_000)}`);
  });
});

describe("is broken", () => {
  test.each([
    ["by a frame that is too long", "00100001", "a frame has 1048577 bytes"],
    ["by bytes behind the end", "ffffffff0000000161", "a frame follows the end"],
  ])("%s", async (_, hex, message) => {
    const [stream, peer] = withBarePeer();
    peer.write(Buffer.from(hex, "hex"));
    stream.resume();
    await expect(finished(stream)).rejects.toMatchObject({
      code: "LEKT_PATH",
      message: expect.stringContaining(message),
    });
  });

  test("by an end below right behind the preamble", async () => {
    const [below, peer] = duplexPair();
    peer.end();
    await once(below.resume(), "end");
    const stream = new PulsedStream(below, 60_000);
    await expect(finished(stream.resume())).rejects.toMatchObject({ code: "LEKT_PATH" });
  });

  test("by an end below before the frame that says so", async () => {
    const [stream, peer] = withBarePeer();
    peer.end(frame(Buffer.from("half of i")));
    const ended: string[] = [];
    stream.on("end", () => ended.push("end")).resume();
    await expect(finished(stream)).rejects.toMatchObject({ code: "LEKT_PATH" });
    expect(ended).toEqual([]);
  });
});

test("keeps many frames that came together as one piece", async () => {
  const [stream, peer] = withBarePeer();
  const sent = Buffer.from("a thousand words");
  const piece = once(stream, "data");
  peer.write(Buffer.concat(Array.from(sent, (byte) => frame(Uint8Array.of(byte)))));
  expect(String((await piece)[0])).toBe(String(sent));
});

test("keeps no more than its buffer of what nobody reads", async () => {
  const [stream, peer] = withBarePeer();
  const chunk = Buffer.alloc(16_384);
  let isTaken = true;
  for (let written = 0; isTaken && written < 64; written++) {
    peer.write(frame(chunk));
    await intervals(1);
    isTaken = !peer.writableNeedDrain;
  }
  expect(stream.readableLength).toBeLessThanOrEqual(2 * 65_536);
  expect(isTaken).toBe(false);
});

describe("a peer that knows no pulse", () => {
  test("gets bytes as they are, and its bytes are taken so", async () => {
    const [rawA, rawB] = await tcpPair();
    const tls = rawTlsClient(rawA);
    tls.write(Buffer.from("010000", "hex"));
    const { stream } = await accepting(rawB, { pulseIntervalMs: INTERVAL_MS });
    const [answer] = await once(tls, "data");
    expect(answer.toString("hex")).toBe("010000");
    stream.write("raw");
    const [bytes] = await once(tls, "data");
    expect(String(bytes)).toBe("raw");
    await intervals(2 * SILENT_INTERVALS);
    tls.end("as well");
    expect(await textOf(stream)).toBe("as well");
  });

  test("is told apart on the dialing side, too", async () => {
    const [rawA, rawB] = await tcpPair();
    rawTlsServer(rawB, {}, (tls) => {
      tls.once("data", () => {
        tls.write(Buffer.from("010000", "hex"));
        tls.end("hello");
      });
    });
    const { stream } = await dialing(rawA);
    expect(await textOf(stream)).toBe("hello");
  });
});
