import type { AddressInfo } from "node:net";
import { WebSocket, WebSocketServer } from "ws";
import type { Rival } from "../harness/rival.ts";
import { bytesOf, leaveWebSocket, openWebSocket } from "./web-socket-client.ts";

type Message =
  | { readonly type: "roster"; readonly members: readonly { readonly id: number; readonly data: string }[] }
  | { readonly type: "joined"; readonly id: number; readonly data: string }
  | { readonly type: "left"; readonly id: number };

/** What everybody writes first: the broadcast of the README of `ws`, in JSON. */
export const rival: Rival = {
  name: "ws-json",
  title: "ws, JSON",
  cannot: ["Bytes have to be written as text (base64).", "A slow reader is buffered for without a bound."],
  server: { listen },
  connect: async (server, member) => {
    const numbers = new Map<number, number>();
    const socket = await openWebSocket(server, "/", member, (bytes) => {
      const message = JSON.parse(bytes.toString()) as Message;
      if (message.type === "roster") {
        for (const { id, data } of message.members) numbers.set(id, member.learnText(data));
      } else if (message.type === "joined") numbers.set(message.id, member.learnText(message.data));
      else {
        member.forget(numbers.get(message.id) ?? -1);
        numbers.delete(message.id);
      }
      member.settle();
    });
    socket.send(JSON.stringify({ type: "join", data: member.fortyBytes().toString("base64") }));
    return { leave: () => leaveWebSocket(socket) };
  },
};

async function listen(host: string): Promise<number> {
  // Compression is off by default, and should stay so for small messages: README of ws, "WebSocket compression".
  const server = new WebSocketServer({ host, port: 0, backlog: 4_096 });
  const members = new Map<WebSocket, { readonly id: number; readonly data: string }>();
  let lastId = 0;
  const broadcast = (message: Message) => {
    // README of ws, "Server broadcast".
    const text = JSON.stringify(message);
    for (const socket of members.keys()) if (socket.readyState === WebSocket.OPEN) socket.send(text);
  };
  server.on("connection", (socket) => {
    socket.on("error", () => {});
    socket.on("message", (bytes) => {
      const { data } = JSON.parse(bytesOf(bytes).toString()) as { readonly data: string };
      const roster: Message = { type: "roster", members: [...members.values()] };
      socket.send(JSON.stringify(roster));
      const id = ++lastId;
      members.set(socket, { id, data });
      broadcast({ type: "joined", id, data });
    });
    socket.on("close", () => {
      const member = members.get(socket);
      if (!member) return;
      members.delete(socket);
      broadcast({ type: "left", id: member.id });
    });
  });
  await new Promise((resolve) => server.once("listening", resolve));
  return (server.address() as AddressInfo).port;
}
