import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import {
  type ClientObject,
  type ClientPacket,
  concatBytes,
  encodeClientObject,
  encodeUpdates,
} from "@lekt/protocol";
import { ClientStream, type ServerBytes, ServerStream } from "./packet-streams.ts";

/** One connection through a flawed line. */
export interface Wire {
  /** The client's side and the server's. */
  readonly client: Socket;
  readonly server: Socket;
  /** The methods that the client has set. */
  methods: readonly number[];
  /** All that the client sent first. */
  firstBytes: Uint8Array;
  /** What the flaw counts or keeps. */
  count: number;
  kept: Uint8Array;
  /** How many connections there were before. */
  readonly nth: number;
}

/** What a line does to the packets of a good peer. Nothing given: it passes everything on. */
export interface Mutation {
  /** Any bytes of the client, as they come. */
  readonly clientBytes?: (bytes: Uint8Array, wire: Wire) => Uint8Array;
  /** Whole packets of the client. */
  readonly clientPacket?: (packet: ClientPacket, bytes: Uint8Array, wire: Wire) => Uint8Array;
  readonly serverBytes?: (bytes: Uint8Array, wire: Wire) => Uint8Array;
  readonly serverPacket?: (packet: ServerBytes, wire: Wire) => Uint8Array;
  /** The end of one side is not told to the other. */
  readonly keepsOpen?: "client" | "server";
}

export const TYPE_C = 0x43;
export const NOTHING: Uint8Array = new Uint8Array(0);

/** Listens, and passes everything on to a server, but for what the mutation changes. */
export class FlawedLine {
  readonly port: number;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
  }

  /** @param host where it listens; who comes by IPv6 is passed on by IPv6. */
  static async listen(
    to: { host: string; port: number },
    mutation: Mutation,
    host = "127.0.0.1",
  ): Promise<FlawedLine> {
    const server = createServer({ allowHalfOpen: true });
    await new Promise<void>((resolve) => server.listen(0, host, resolve));
    const line = new FlawedLine(server);
    let nth = 0;
    server.on("connection", (client) => {
      const upstream = connect({
        host: client.remoteAddress === "::1" ? "::1" : to.host,
        port: to.port,
        allowHalfOpen: true,
        noDelay: true,
      });
      client.setNoDelay(true);
      for (const socket of [client, upstream]) line.#keep(socket);
      pass(
        { client, server: upstream, methods: [], firstBytes: NOTHING, count: 0, kept: NOTHING, nth: nth++ },
        mutation,
      );
    });
    return line;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("error", () => {});
    socket.once("close", () => this.#sockets.delete(socket));
  }
}

function pass(wire: Wire, mutation: Mutation): void {
  const { client, server } = wire;
  const clientStream = new ClientStream();
  const serverStream = new ServerStream();
  const write = (socket: Socket, bytes: Uint8Array) => {
    if (bytes.length > 0 && !socket.destroyed && !socket.writableEnded) socket.write(bytes);
  };
  client.on("data", (chunk: Buffer) => {
    if (wire.firstBytes.length === 0) wire.firstBytes = chunk;
    const bytes = mutation.clientBytes ? mutation.clientBytes(chunk, wire) : chunk;
    if (bytes.length === 0) return;
    const mutated = clientStream.read(bytes).map(({ packet, bytes: packetBytes }) => {
      if (packet?.type === "handshake") wire.methods = packet.methods;
      return packet && mutation.clientPacket ? mutation.clientPacket(packet, packetBytes, wire) : packetBytes;
    });
    write(server, mutation.clientPacket ? concatBytes(mutated) : bytes);
  });
  server.on("data", (chunk: Buffer) => {
    const bytes = mutation.serverBytes ? mutation.serverBytes(chunk, wire) : chunk;
    // In a circuit there are no packets behind the Accept (spec 8.2.4).
    const isCircuit = wire.firstBytes[4] === TYPE_C;
    if (isCircuit || (!mutation.serverPacket && !mutation.clientPacket)) {
      write(client, bytes);
      return;
    }
    for (const packet of serverStream.read(bytes)) {
      write(client, mutation.serverPacket ? mutation.serverPacket(packet, wire) : packet.bytes);
      if (packet.head.type === "request" && packet.head.method === 0) clientStream.begin();
    }
  });
  tie(client, server, mutation.keepsOpen !== "server");
  tie(server, client, mutation.keepsOpen !== "client");
}

/** The end of one side is passed on to the other. */
function tie(from: Socket, to: Socket, tells: boolean): void {
  if (!tells) return;
  from.on("end", () => to.end());
  from.on("close", (hadError) => {
    if (hadError) to.resetAndDestroy();
    else to.destroySoon();
  });
}

/** An Added packet with other objects. */
export function addedPacket(objects: readonly ClientObject[]): Uint8Array {
  const packets: Uint8Array[] = [];
  encodeUpdates(
    "added",
    objects.map((object) => encodeClientObject(object)),
    1n,
    (bytes) => {
      const packet = new Uint8Array(bytes);
      packets.push(packet);
      return packet;
    },
  );
  return concatBytes(packets);
}

/** The objects of an Added packet; undefined for other packets, and for the end of a reply. */
export function objectsOf({ head, pieces }: ServerBytes): ClientObject[] | undefined {
  if (head.type !== "added" || head.count === 0) return undefined;
  return pieces.flatMap((piece) => (piece.type === "client" ? [piece.object] : []));
}

export function isEnd({ head }: ServerBytes): boolean {
  return head.type === "added" && head.count === 0;
}
