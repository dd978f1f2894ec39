import type { AddressInfo } from "node:net";
import { PeerServer } from "peer";
import type { Rival } from "../harness/rival.ts";
import { Poller } from "./poller.ts";
import { leaveWebSocket, openWebSocket } from "./web-socket-client.ts";

/** PeerJS has no word about how often one may ask; a second is as slow as a list of people may be. */
const POLL_MS = 1_000;

/** PeerJS's server: a WebSocket for signalling, and a list of ids by HTTP. */
export const rival: Rival = {
  name: "peer",
  title: "PeerJS, polled",
  cannot: [
    "It tells nobody who comes or goes: the whole list has to be asked for again and again.",
    "A member publishes nothing but its id, so the forty bytes are that id (in base64).",
    "A member that is only cut off stays in the list for up to 90 s.",
  ],
  repeats: true,
  server: { listen },
  connect: async (server, member) => {
    const id = member.fortyBytes().toString("base64url");
    const socket = await openWebSocket(
      server,
      `/peerjs?key=peerjs&id=${id}&token=${member.number}`,
      member,
      (bytes) => {
        const { type } = JSON.parse(bytes.toString()) as { readonly type: string };
        if (type !== "OPEN") member.fail(`got ${type}`);
      },
    );
    const poller = new Poller(server, member, POLL_MS);
    poller.start("/peerjs/peers", (body) => {
      member.relist();
      for (const text of JSON.parse(body.toString()) as readonly string[]) member.learnText(text);
      member.settle();
    });
    return {
      leave: () => {
        poller.end();
        leaveWebSocket(socket);
      },
    };
  },
};

async function listen(host: string): Promise<number> {
  return new Promise((resolve) => {
    const options = { host, port: 0, path: "/", allow_discovery: true, concurrent_limit: 100_000 };
    PeerServer(options, (server) => {
      // Else each poll that comes after 5 s would cost a connection.
      (server as { keepAliveTimeout?: number }).keepAliveTimeout = 60_000;
      resolve((server.address() as AddressInfo).port);
    });
  });
}
