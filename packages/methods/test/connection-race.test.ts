import type { Target } from "@lekt/protocol";
import { afterEach, describe, expect, test } from "vitest";
import { connectionRace, inOrder } from "../src/tcp/connection-race.ts";
import { closedPort, LoopbackListener } from "./fake-host.ts";

const listeners: LoopbackListener[] = [];
afterEach(async () => {
  await Promise.all(listeners.splice(0).map((listener) => listener.close()));
});

async function listening(host?: string): Promise<LoopbackListener> {
  const listener = await LoopbackListener.listen(host);
  listeners.push(listener);
  return listener;
}

function race(targets: Target[], signal = new AbortController().signal) {
  const log: string[] = [];
  const name = ({ address, port }: Target) =>
    `${address} ${targets.findIndex((target) => target.port === port)}`;
  const socket = connectionRace(targets, {
    signal,
    onStart: (target) => log.push(`start ${name(target)}`),
    onFailure: (target) => log.push(`failure ${name(target)}`),
  });
  return { log, socket };
}

const target = (address: string, port: number, reach: Target["reach"] = "roster"): Target => ({
  address,
  port,
  reach,
});

describe("the order", () => {
  test("is by preference, and the families take turns", () => {
    const targets = [
      target("192.0.2.1", 1, "other"),
      target("2a00::1", 2, "other"),
      target("203.0.113.7", 3, "roster"),
      target("192.168.1.2", 4, "private"),
      target("2a00::2", 5, "roster"),
    ];
    expect(inOrder(targets).map(({ port }) => port)).toEqual([5, 4, 2, 3, 1]);
    expect(inOrder([])).toEqual([]);
  });
});

/** How many connections there are, once what has been ended has been read. */
async function openOf(listener: LoopbackListener): Promise<number> {
  while (listener.sockets.size > 0) (await listener.sockets.next()).resume();
  return listener.openConnections;
}

describe("the race", () => {
  test("takes IPv6 where it answers, and does not try the rest", async () => {
    const [ipv6, ipv4] = [await listening("::1"), await listening("127.0.0.1")];
    const { log, socket } = race([target("127.0.0.1", ipv4.port), target("::1", ipv6.port)]);
    expect((await socket).remotePort).toBe(ipv6.port);
    expect(log).toEqual(["start ::1 1"]);
    (await socket).destroy();
  });

  test("goes on at once where one is refused", async () => {
    const ipv4 = await listening("127.0.0.1");
    const { log, socket } = race([target("::1", await closedPort()), target("127.0.0.1", ipv4.port)]);
    expect((await socket).remotePort).toBe(ipv4.port);
    expect(log).toEqual(["start ::1 0", "failure ::1 0", "start 127.0.0.1 1"]);
    (await socket).destroy();
  });

  test("fails where all are refused, or there is none", async () => {
    const { log, socket } = race([target("127.0.0.1", await closedPort())]);
    await expect(socket).rejects.toThrow("none of its addresses answers");
    expect(log).toEqual(["start 127.0.0.1 0", "failure 127.0.0.1 0"]);
    await expect(race([]).socket).rejects.toThrow("it names no address to dial");
  });

  test("leaves nothing open where it is aborted", async () => {
    const listener = await listening();
    const abort = new AbortController();
    const { socket } = race([target("127.0.0.1", listener.port)], abort.signal);
    abort.abort();
    await expect(socket).rejects.toMatchObject({ code: "LEKT_ABORTED" });
    await expect(race([target("127.0.0.1", listener.port)], abort.signal).socket).rejects.toMatchObject({
      code: "LEKT_ABORTED",
    });
    // Whatever the system had already connected has been ended: a further connection is the only one.
    const { socket: later } = race([target("127.0.0.1", listener.port)]);
    const winner = await later;
    await expect.poll(() => openOf(listener)).toBe(1);
    winner.destroy();
    await expect.poll(() => openOf(listener)).toBe(0);
  });
});
