import { createSocket } from "node:dgram";
import { once } from "node:events";
import UDX from "udx-native";
import { expect, it } from "vitest";
import { decodeProbe, encodeProbe, NO_ECHO } from "../../src/udp/probe.ts";
import { PunchRun } from "../../src/udp/punch-run.ts";
import { UdpSocket } from "../../src/udp/udp-socket.ts";

const SECRET = Buffer.alloc(32, 7);
const ATTEMPT = "0123456789abcdef";

it("finds its way by one of many sockets, and closes all others", async () => {
  const peer = createSocket("udp4");
  peer.bind(0, "127.0.0.1");
  await once(peer, "listening");
  const udx = new UDX();
  const main = new UdpSocket(udx);
  const ports = new Set<number>();
  // As behind a translator that lets in one of the many alone.
  let open: number | undefined;
  peer.on("message", (datagram, { port, address }) => {
    const probe = decodeProbe(datagram, SECRET);
    if (!probe || port === main.port) return;
    ports.add(port);
    if (ports.size === 40) open = port;
    if (port !== open) return;
    const kind = probe.kind === "chosen" ? "confirmed" : "probe";
    const echo = probe.cookie;
    const answer = encodeProbe({ role: "accepting", kind, attempt: ATTEMPT, cookie: NO_ECHO, echo }, SECRET);
    peer.send(answer, port, address);
  });
  const target = { address: "127.0.0.1", port: peer.address().port };
  const run = new PunchRun(udx, main, {
    role: "dialing",
    attempt: ATTEMPT,
    secret: SECRET,
    cookieKey: Buffer.alloc(32, 8),
    targets: [{ ...target, maxPackets: 64, isTranslated: true }],
    openingTtl: 4,
    answersTo: () => 0,
    manySockets: "here",
    rosterAddress: target.address,
    nowMs: performance.now(),
    durationMs: 20_000,
    random: 0,
  });
  const hole = await run.hole;
  expect(hole?.socket.port).toBe(open);
  expect(hole?.remote).toEqual(target);
  expect(run.usesManySockets).toBe(true);
  expect(hole?.socket.isClosing).toBe(false);
  run.stop();
  expect(hole?.socket.isClosing).toBe(true);
  expect(main.isClosing).toBe(false);
  await main.close();
  peer.close();
  await once(peer, "close");
});
