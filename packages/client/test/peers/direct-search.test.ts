import { duplexPair } from "node:stream";
import { LektError } from "@lekt/protocol";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { directSearchDelayMs, MAX_DIRECT_SEARCHES, searchDirect } from "../../src/peers/direct-search.ts";
import { CONNECT_PACE } from "../../src/peers/peer-connections.ts";
import { PeerStream } from "../../src/peers/peer-stream.ts";
import { catchUncaught } from "../uncaught.ts";

const PACE = CONNECT_PACE.directSearch;

function relayedStream(): PeerStream {
  return new PeerStream(duplexPair()[0], {
    path: { method: "relay", local: "a:1", remote: "b:2", relayed: true, roundTripMs: 1 },
    trace: { peer: "", attempts: [], omitted: 0 },
    identity: new Uint8Array(32),
    label: "",
  });
}

test("searches for a direct path come ever less often, up to a bound", () => {
  const delays = [1, 2, 3, 4, 5, 6, 7].map((search) => directSearchDelayMs(search, PACE));
  expect(delays).toEqual([2_000, 6_000, 18_000, 54_000, 162_000, 300_000, 300_000]);
});

describe("a search", () => {
  const failing = () => Promise.reject(new LektError("LEKT_UNREACHABLE", "No."));

  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test("is made so many times in the life of a stream, and no more", async () => {
    const search = vi.fn(failing);
    const stream = relayedStream().on("direct", () => {});
    searchDirect(stream, PACE, new AbortController().signal, search);
    await vi.advanceTimersByTimeAsync(1_999);
    expect(search).toHaveBeenCalledTimes(0);
    await vi.advanceTimersByTimeAsync(1);
    expect(search).toHaveBeenCalledTimes(1);
    for (let made = 2; made <= MAX_DIRECT_SEARCHES; made++) {
      await vi.advanceTimersByTimeAsync(directSearchDelayMs(made, PACE));
      expect(search).toHaveBeenCalledTimes(made);
    }
    await vi.advanceTimersByTimeAsync(PACE.maxDelayMs * 100);
    expect(search).toHaveBeenCalledTimes(MAX_DIRECT_SEARCHES);
  });

  test.each<[string, (stream: PeerStream, closing: AbortController) => void]>([
    ["the stream closes", (stream) => stream.destroy()],
    ["the room closes", (_, closing) => closing.abort()],
    ["nobody listens any more", (stream) => stream.removeAllListeners("direct")],
  ])("ends, and offers nothing, where %s", async (_, end) => {
    const closing = new AbortController();
    const stream = relayedStream();
    const offered = vi.fn();
    stream.on("direct", offered);
    const direct = relayedStream();
    let signal: AbortSignal | undefined;
    let found = (_stream: PeerStream): void => {};
    searchDirect(stream, PACE, closing.signal, (searching) => {
      signal = searching;
      return new Promise((resolve) => {
        found = resolve;
      });
    });
    await vi.advanceTimersByTimeAsync(PACE.firstDelayMs);
    end(stream, closing);
    await vi.advanceTimersByTimeAsync(0);
    expect(signal?.aborted).toBe(stream.listenerCount("direct") > 0);
    found(direct);
    await vi.advanceTimersByTimeAsync(PACE.maxDelayMs * 10);
    expect(offered).not.toHaveBeenCalled();
    expect(direct.destroyed).toBe(true);
  });

  test("is made again for who listens after somebody else has stopped to, meanwhile", async () => {
    const stream = relayedStream().on("direct", () => {});
    const direct = relayedStream();
    const search = vi.fn(async () => {
      if (search.mock.calls.length === 1) stream.removeAllListeners("direct");
      return search.mock.calls.length === 1 ? relayedStream() : direct;
    });
    searchDirect(stream, PACE, new AbortController().signal, search);
    await vi.advanceTimersByTimeAsync(PACE.firstDelayMs);
    const offered = vi.fn();
    stream.on("direct", offered);
    await vi.advanceTimersByTimeAsync(directSearchDelayMs(2, PACE));
    expect(offered.mock.calls).toEqual([[direct]]);
  });

  test("a listener that throws: an uncaught exception", async () => {
    const errors = catchUncaught();
    const stream = relayedStream().on("direct", () => {
      throw new Error("mine");
    });
    searchDirect(stream, PACE, new AbortController().signal, async () => relayedStream());
    await vi.advanceTimersByTimeAsync(PACE.firstDelayMs);
    expect(errors).toEqual([new Error("mine")]);
  });
});
