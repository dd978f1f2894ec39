/**
 * A server as a process of its own, forked with its options as JSON. It tells its port, and when asked how it
 * fares. Needs `--expose-gc`: memory that is merely not collected yet says nothing.
 */
import { subscribe } from "node:diagnostics_channel";
import type { Socket } from "node:net";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { createServer, type ServerOptions } from "@lekt/server";
import type { Counts, Question, Strain } from "./figures.ts";
import { Line } from "./line.ts";

const SAMPLE_MS = 50;

const sockets = new Set<Socket>();
subscribe("net.server.socket", (message) => {
  const { socket } = message as { socket: Socket };
  sockets.add(socket);
  socket.once("close", () => sockets.delete(socket));
});

const loopDelay = monitorEventLoopDelay({ resolution: 5 });
loopDelay.enable();
let peakRssBytes = 0;
let cpuBefore = 0;
setInterval(() => {
  peakRssBytes = Math.max(peakRssBytes, process.memoryUsage.rss());
}, SAMPLE_MS);

const server = createServer(JSON.parse(process.argv[2] ?? "{}") as ServerOptions);

function counts(): Counts {
  let waitingBytes = 0;
  for (const socket of sockets) waitingBytes += socket.writableLength;
  return { ...server.counts, connections: sockets.size, waitingBytes };
}

function heldBytes(): number {
  // Twice: what the first finds dead may hold on to more, outside of the heap.
  globalThis.gc?.();
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Since it was asked before. */
function strain(): Strain {
  const cpu = process.cpuUsage();
  const milliseconds = (nanoseconds: number) => nanoseconds / 1e6;
  const soFar = {
    cpuMs: (cpu.user + cpu.system - cpuBefore) / 1_000,
    peakRssBytes,
    loopDelayMs: { p50: milliseconds(loopDelay.percentile(50)), max: milliseconds(loopDelay.max) },
  };
  cpuBefore = cpu.user + cpu.system;
  peakRssBytes = process.memoryUsage.rss();
  loopDelay.reset();
  return soFar;
}

const answers: Readonly<Record<Question, () => unknown>> = {
  port: () => server.address?.port,
  counts,
  heldBytes,
  strain,
};

new Line(process, (question) => answers[question as Question]());
process.on("disconnect", () => process.exit());
await server.listen();
process.send?.("listening");
