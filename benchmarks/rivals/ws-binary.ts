import type { AddressInfo } from "node:net";
import { WebSocket, WebSocketServer } from "ws";
import { FORTY } from "../harness/forty-bytes.ts";
import type { Rival } from "../harness/rival.ts";
import { bytesOf, leaveWebSocket, openWebSocket } from "./web-socket-client.ts";

/*
 * A message is a row of records:
 *   who joined:  id (u32), forty bytes
 *   who left:    id (u32) with its highest bit set
 */
const JOINED_BYTES = 4 + FORTY;
const LEFT_BYTES = 4;
const LEFT = 0x8000_0000;
/** As LEKT's. */
const TICK_MS = 20;

/** Everything that one would do by hand: binary records, gathered and encoded once a tick for everybody. */
export const rival: Rival = {
  name: "ws-binary",
  title: "ws, binary, once a tick",
  cannot: [
    "It is a protocol of one's own, with everything that is still to be written: resuming, limits, versions.",
    "A slow reader is buffered for without a bound.",
  ],
  server: { listen },
  connect: async (server, member) => {
    const numbers: number[] = [];
    const socket = await openWebSocket(server, "/", member, (bytes) => {
      let at = 0;
      while (at < bytes.length) {
        const id = bytes.readUInt32BE(at);
        if (id >= LEFT) {
          member.forget(numbers[id - LEFT] ?? -1);
          at += LEFT_BYTES;
        } else {
          numbers[id] = member.learn(bytes, at + 4);
          at += JOINED_BYTES;
        }
      }
      member.settle();
    });
    socket.send(member.fortyBytes());
    return { leave: () => leaveWebSocket(socket) };
  },
};

async function listen(host: string): Promise<number> {
  // README of ws: no compression (the default) for what is small, no UTF-8 check where nothing is text.
  const server = new WebSocketServer({
    host,
    port: 0,
    backlog: 4_096,
    skipUTF8Validation: true,
    maxPayload: FORTY,
  });
  /** Who is told of each tick; who came since the last one is told everything at its end. */
  const readers = new Set<WebSocket>();
  let newcomers: WebSocket[] = [];
  const members = new Map<number, Buffer>();
  let news: Buffer[] = [];
  let due = false;
  let lastId = 0;
  const tick = () => {
    due = false;
    const update = Buffer.concat(news);
    news = [];
    for (const socket of readers) socket.send(update);
    if (newcomers.length === 0) return;
    const everybody = Buffer.concat([...members.values()]);
    for (const socket of newcomers) {
      if (socket.readyState !== WebSocket.OPEN) continue;
      socket.send(everybody);
      readers.add(socket);
    }
    newcomers = [];
  };
  const tell = (record: Buffer) => {
    news.push(record);
    if (due) return;
    due = true;
    setTimeout(tick, TICK_MS);
  };
  server.on("connection", (socket) => {
    const id = ++lastId;
    socket.on("error", () => {});
    socket.once("message", (data) => {
      const record = Buffer.alloc(JOINED_BYTES);
      record.writeUInt32BE(id);
      bytesOf(data).copy(record, 4);
      members.set(id, record);
      newcomers.push(socket);
      tell(record);
    });
    socket.on("close", () => {
      readers.delete(socket);
      if (!members.delete(id)) return;
      const record = Buffer.alloc(LEFT_BYTES);
      record.writeUInt32BE((LEFT | id) >>> 0);
      tell(record);
    });
  });
  await new Promise((resolve) => server.once("listening", resolve));
  return (server.address() as AddressInfo).port;
}
