import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import type {
  Circuit,
  ConnectionMethod,
  DialAttempt,
  MethodHost,
  NetworkFacts,
  PeerSignal,
  PeerTarget,
  RawPath,
} from "@lekt/protocol";

/** What a method told the room about a peer's path. */
export interface AcceptedPath {
  readonly path: RawPath<Duplex>;
  readonly by: { readonly identity: string; readonly attempt: string } | undefined;
}

/** A room, as its methods see it, that notes what it is told. */
export class FakeHost implements MethodHost<Duplex> {
  readonly identity: string;
  readonly peers = new Map<string, PeerTarget>();
  readonly signals = new Inbox<{ to: string; message: PeerSignal }>();
  readonly published = new Inbox<Uint8Array>();
  readonly acceptedPaths = new Inbox<AcceptedPath>();

  constructor(identity: string) {
    this.identity = identity;
  }

  peer(identity: string): PeerTarget | undefined {
    return this.peers.get(identity);
  }

  signal(to: string, message: PeerSignal): void {
    this.signals.put({ to, message });
  }

  publish(payload: Uint8Array): void {
    this.published.put(payload);
  }

  circuit(): Promise<Circuit> {
    return Promise.reject(new Error("there is no relay here"));
  }

  accepted(path: RawPath<Duplex>, by?: AcceptedPath["by"]): void {
    this.acceptedPaths.put({ path, by });
  }
}

/** What came, in order, also for who asks before it comes. */
export class Inbox<Item> {
  readonly #items: Item[] = [];
  readonly #waiting: ((item: Item) => void)[] = [];

  get size(): number {
    return this.#items.length;
  }

  put(item: Item): void {
    const waiting = this.#waiting.shift();
    if (waiting) waiting(item);
    else this.#items.push(item);
  }

  next(): Promise<Item> {
    if (this.#items.length > 0) return Promise.resolve(this.#items.shift() as Item);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}

/** A method with its room, and what is to be ended after the test. */
export async function started<Method extends ConnectionMethod<Duplex>>(method: Method, identity: string) {
  const host = new FakeHost(identity);
  const payload = await method.start(host);
  return { method, host, payload };
}

export class FakeAttempt implements DialAttempt {
  readonly id: string;
  readonly peer: PeerTarget;
  readonly abort = new AbortController();
  readonly candidates: string[] = [];
  readonly notes: string[] = [];

  constructor(peer: PeerTarget, id = "00112233aabbccdd") {
    this.peer = peer;
    this.id = id;
  }

  get signal(): AbortSignal {
    return this.abort.signal;
  }

  candidate(text: string): void {
    this.candidates.push(text);
  }

  note(text: string): void {
    this.notes.push(text);
  }
}

export const IDENTITY_A = "aa".repeat(32);
export const IDENTITY_B = "bb".repeat(32);

/** A listener on loopback whose connections are taken one by one. */
export class LoopbackListener {
  readonly sockets = new Inbox<Socket>();
  readonly #server: Server;
  readonly #open = new Set<Socket>();

  private constructor(server: Server) {
    this.#server = server;
    server.on("connection", (socket) => {
      this.#open.add(socket);
      socket.on("close", () => this.#open.delete(socket));
      socket.on("error", () => {});
      this.sockets.put(socket);
    });
  }

  static async listen(host = "127.0.0.1", port = 0): Promise<LoopbackListener> {
    const server = createServer();
    const listener = new LoopbackListener(server);
    server.listen({ host, port });
    await once(server, "listening");
    return listener;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get openConnections(): number {
    return this.#open.size;
  }

  async close(): Promise<void> {
    for (const socket of this.#open) socket.destroy();
    this.#server.close();
    await once(this.#server, "close");
  }
}

/** A port of loopback where nobody listens. */
export async function closedPort(): Promise<number> {
  const listener = await LoopbackListener.listen();
  const { port } = listener;
  await listener.close();
  return port;
}

/** A connection to a server, and what that server tells about it. */
export async function controlConnection(
  server: LoopbackListener,
): Promise<{ socket: Socket; facts: NetworkFacts }> {
  const socket = connect({ host: "127.0.0.1", port: server.port, localAddress: "0.0.0.0" });
  await once(socket, "connect");
  const facts = {
    publicAddress: "127.0.0.1",
    publicPort: socket.localPort,
    localAddress: socket.localAddress,
    localPort: socket.localPort,
    relay: undefined,
    stun: [],
  };
  return { socket, facts };
}
