/** A machine's sockets, as a process in its namespace that does what it is told: see `Prober`. */
import { createSocket, type RemoteInfo, type Socket as UdpSocket } from "node:dgram";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server } from "node:net";
import { Line } from "../abuse/line.ts";

export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

/** A datagram, and where it seems to come from. */
export interface Heard {
  readonly text: string;
  readonly from: Endpoint;
}

/** What a prober can be told. UDP sockets have the number of their port. */
export type ProbeOrder =
  /** Answered with the port. */
  | { readonly do: "bind"; readonly address: string }
  | { readonly do: "send"; readonly port: number; readonly text: string; readonly to: Endpoint }
  /** Answered with the next datagram that nobody was told of yet, when it is there. */
  | { readonly do: "hear"; readonly port: number }
  /** Answered with the port. Whoever connects is told where from, and the connection stays open. */
  | { readonly do: "listen"; readonly address: string }
  /** Answered with how many have connected. */
  | { readonly do: "count"; readonly port: number }
  /** Answered with the own port, and what the other side said first. Where nobody listens no one says anything. */
  | {
      readonly do: "connect";
      readonly to: Endpoint;
      readonly localPort?: number;
      /** Both sides connect, and nobody is there to speak first. */
      readonly simultaneous?: boolean;
    };

export interface Connected {
  readonly localPort: number;
  /** Where the other side sees the connection come from; undefined for simultaneous ones. */
  readonly seenFrom: Endpoint | undefined;
}

class Mailbox {
  readonly socket: UdpSocket;
  readonly #heard: Heard[] = [];
  readonly #waiting: ((heard: Heard) => void)[] = [];

  constructor(socket: UdpSocket) {
    this.socket = socket;
    socket.on("message", (message: Buffer, { address, port }: RemoteInfo) => {
      const heard = { text: message.toString("latin1"), from: { address, port } };
      const waiting = this.#waiting.shift();
      if (waiting === undefined) this.#heard.push(heard);
      else waiting(heard);
    });
  }

  next(): Promise<Heard> {
    const heard = this.#heard.shift();
    if (heard !== undefined) return Promise.resolve(heard);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}

/** Connections by the port that they came to. */
const accepted = new Map<number, number>();
const mailboxes = new Map<number, Mailbox>();

function mailbox(port: number): Mailbox {
  const found = mailboxes.get(port);
  if (found === undefined) throw new Error(`no socket is bound to the UDP port ${port}`);
  return found;
}

async function bind(address: string): Promise<number> {
  const socket = createSocket(address.includes(":") ? "udp6" : "udp4");
  socket.bind(0, address);
  await once(socket, "listening");
  const { port } = socket.address();
  mailboxes.set(port, new Mailbox(socket));
  return port;
}

function send({ port, text, to }: ProbeOrder & { do: "send" }): Promise<void> {
  return new Promise((resolve, reject) => {
    mailbox(port).socket.send(Buffer.from(text, "latin1"), to.port, to.address, (error) =>
      error ? reject(error) : resolve(),
    );
  });
}

async function listen(address: string): Promise<number> {
  const server: Server = createServer((socket) => {
    accepted.set(port, (accepted.get(port) ?? 0) + 1);
    socket.on("error", () => {});
    socket.write(JSON.stringify({ address: socket.remoteAddress, port: socket.remotePort }));
  });
  server.listen(0, address);
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return port;
}

async function connectTo({
  to,
  localPort,
  simultaneous,
}: ProbeOrder & { do: "connect" }): Promise<Connected> {
  const socket = connect({
    host: to.address,
    port: to.port,
    // A port that the system chose while it connected could not be shared with the next connection.
    localAddress: to.address.includes(":") ? "::" : "0.0.0.0",
    ...(localPort !== undefined && { localPort }),
  });
  await once(socket, "connect");
  const own = socket.localPort as number;
  if (simultaneous) return { localPort: own, seenFrom: undefined };
  const [said] = (await once(socket, "data")) as [Buffer];
  socket.on("error", () => {});
  return { localPort: own, seenFrom: JSON.parse(`${said}`) as Endpoint };
}

async function obey(order: ProbeOrder): Promise<unknown> {
  switch (order.do) {
    case "bind":
      return bind(order.address);
    case "send":
      return send(order);
    case "hear":
      return mailbox(order.port).next();
    case "listen":
      return listen(order.address);
    case "count":
      return accepted.get(order.port) ?? 0;
    case "connect":
      return connectTo(order);
  }
}

new Line(process, (order) => obey(order as ProbeOrder));
process.on("disconnect", () => process.exit());
process.send?.("ready");
