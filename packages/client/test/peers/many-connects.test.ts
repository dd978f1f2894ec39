import { describe, expect, test, vi } from "vitest";
import { accepted, loop, neverThere, stuck } from "./hub-methods.ts";
import { PeerHub } from "./peer-hub.ts";

describe("many connects at once", () => {
  const silent = () => stuck("loop", 40, neverThere);

  test("begin as far as the server takes their signals; the others wait, and may be called off", async () => {
    const dialled = vi.fn(neverThere);
    const [a, b] = await new PeerHub().pair(
      { methods: [stuck("loop", 40, dialled)] },
      { methods: [silent()] },
    );
    const controllers = Array.from({ length: 40 }, () => new AbortController());
    const connects = controllers.map(({ signal }) =>
      a.connections.connect(b.asPeer, { signal }).catch(({ code }) => code),
    );
    await expect.poll(() => dialled.mock.calls.length).toBe(16);
    const closing = a.connections.connect(b.asPeer).catch(({ code }) => code);
    for (const controller of controllers) controller.abort();
    expect(new Set(await Promise.all(connects))).toEqual(new Set(["LEKT_ABORTED"]));
    await expect.poll(() => dialled.mock.calls.length).toBe(17);
    await a.connections.close();
    expect(await closing).toBe("LEKT_CLOSED");
  });

  test("keep nobody waiting where a method has a fault", async () => {
    const faulty = () => ({
      ...stuck("faulty", 41, neverThere),
      obstacle: () => {
        throw new Error("mine");
      },
    });
    const [a, b] = await new PeerHub().pair({ methods: [loop(), faulty()] }, { methods: [loop(), faulty()] });
    // Each would keep its signals for three seconds.
    for (let i = 0; i < 300; i++) await expect(a.connections.connect(b.asPeer)).rejects.toThrow("mine");
    const there = accepted(b);
    (await a.connections.connect(b.asPeer, { methods: ["loop"] })).destroy();
    (await there).destroy();
  });

  test("reach their peer one after the other", async () => {
    const [a, b] = await new PeerHub().pair();
    b.connections.onConnection("", (stream) => stream.resume().end());
    const streams = await Promise.all(Array.from({ length: 40 }, () => a.connections.connect(b.asPeer)));
    for (const stream of streams) stream.destroy();
  });
});
