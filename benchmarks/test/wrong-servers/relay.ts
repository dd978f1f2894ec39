import type { AddressInfo } from "node:net";
import { WebSocketServer } from "ws";
import { FORTY } from "../../harness/forty-bytes.ts";
import type { Rival } from "../../harness/rival.ts";
import { rival as wsBinary } from "../../rivals/ws-binary.ts";

/** A server for the clients of `ws-binary` that passes on what `record` makes of an entry, and no leaves. */
export function relay(record: (entry: Buffer) => Buffer): Rival {
  const listen = async (host: string) => {
    const server = new WebSocketServer({ host, port: 0 });
    const records: Buffer[] = [];
    server.on("connection", (socket) => {
      socket.once("message", (data: Buffer) => {
        const joined = Buffer.alloc(4 + FORTY);
        joined.writeUInt32BE(records.length);
        record(data).copy(joined, 4);
        records.push(joined);
        socket.send(Buffer.concat(records.slice(0, -1)));
        for (const client of server.clients) client.send(joined);
      });
    });
    await new Promise((resolve) => server.once("listening", resolve));
    return (server.address() as AddressInfo).port;
  };
  return { ...wsBinary, name: "relay", server: { listen }, repeats: true };
}
