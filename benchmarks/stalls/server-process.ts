/** A server in a process of its own, LEKT's or one that does nothing but what sockets cost, and how its loop fares. */
import { type AddressInfo, createServer as createNetServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { encodeEndOfReply } from "@lekt/protocol";
import { createServer } from "@lekt/server";
import { serveTasks } from "../harness/tasks.ts";
import { ROOMY } from "./roomy.ts";
import { stalls, watchStalls } from "./stall-meter.ts";

export type ServerTask = { readonly do: "listen" | "watch" | "report" | "wait until empty" };

const HOST = "127.0.0.1";
const BACKLOG = 4_096;
const LOOK_MS = 50;

async function listenLekt(): Promise<number> {
  const server = createServer({ host: HOST, port: 0, ...ROOMY });
  await server.listen();
  return server.address?.port ?? 0;
}

/** Reads, and answers each chunk with twenty bytes; closes when the other side does. */
async function listenBare(): Promise<number> {
  const answer = encodeEndOfReply(0n);
  const server = createNetServer({ noDelay: true }, (socket) => {
    socket.on("data", () => socket.write(answer));
    socket.on("error", () => {});
  });
  await new Promise<void>((resolve) => server.listen({ host: HOST, port: 0, backlog: BACKLOG }, resolve));
  return (server.address() as AddressInfo).port;
}

/** All connections, those that are about to close included. */
function connections(): number {
  return process.getActiveResourcesInfo().filter((resource) => resource === "TCPSocketWrap").length;
}

serveTasks(async (task: ServerTask) => {
  switch (task.do) {
    case "listen":
      return process.argv[2] === "bare" ? listenBare() : listenLekt();
    case "watch":
      return watchStalls();
    case "report":
      return stalls();
    case "wait until empty":
      while (connections() > 0) await sleep(LOOK_MS);
  }
  return undefined;
});
