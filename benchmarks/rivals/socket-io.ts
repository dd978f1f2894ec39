import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Server } from "socket.io";
import type { Rival } from "../harness/rival.ts";
import { leaveWebSocket, openWebSocket } from "./web-socket-client.ts";

const PATH = "/socket.io/?EIO=4&transport=websocket";

type Event =
  | readonly ["roster", readonly (readonly [id: string, data: string])[]]
  | readonly ["joined", id: string, data: string]
  | readonly ["left", id: string];

export const rival: Rival = {
  name: "socket.io",
  title: "socket.io",
  cannot: [
    "Bytes take a message of their own each, so text (base64) is cheaper.",
    "What changes is not gathered: each event is a message to each client.",
    "A slow reader is buffered for without a bound.",
  ],
  server: { listen },
  connect: async (server, member) => {
    // Engine.IO 4 and Socket.IO 5 by hand, as socket.io-client does it over a WebSocket, without its cost.
    const numbers = new Map<string, number>();
    const read = (event: Event) => {
      if (event[0] === "roster") for (const [id, text] of event[1]) numbers.set(id, member.learnText(text));
      else if (event[0] === "joined") numbers.set(event[1], member.learnText(event[2]));
      else {
        member.forget(numbers.get(event[1]) ?? -1);
        numbers.delete(event[1]);
      }
      member.settle();
    };
    let isConnected: () => void = () => {};
    const connected = new Promise<void>((resolve) => {
      isConnected = resolve;
    });
    const socket = await openWebSocket(server, PATH, member, (bytes, socket) => {
      const packet = bytes.toString();
      if (packet.startsWith("42")) read(JSON.parse(packet.slice(2)) as Event);
      else if (packet === "2") socket.send("3");
      else if (packet.startsWith("0")) socket.send("40");
      else if (packet.startsWith("40")) isConnected();
      else member.fail(`got the packet ${packet.slice(0, 40)}`);
    });
    await connected;
    socket.send(`42${JSON.stringify(["join", member.fortyBytes().toString("base64")])}`);
    return { leave: () => leaveWebSocket(socket) };
  },
};

async function listen(host: string): Promise<number> {
  const http = createServer();
  // Documentation of Socket.IO, "Performance tuning": WebSocket alone, no compression, and the first HTTP
  // request of each connection forgotten. `bufferutil`, which it advises too, is installed and used by ws.
  const io = new Server(http, { transports: ["websocket"], perMessageDeflate: false, serveClient: false });
  io.engine.on("connection", (connection: { request: unknown }) => {
    connection.request = null;
  });
  const members = new Map<string, string>();
  io.on("connection", (socket) => {
    socket.on("join", (data: string) => {
      socket.emit("roster", [...members]);
      members.set(socket.id, data);
      socket.join("members");
      io.to("members").emit("joined", socket.id, data);
    });
    socket.on("disconnect", () => {
      if (members.delete(socket.id)) io.to("members").emit("left", socket.id);
    });
  });
  await new Promise<void>((resolve) => http.listen({ host, port: 0, backlog: 4_096 }, resolve));
  return (http.address() as AddressInfo).port;
}
