import { connect, createServer, type Server, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import {
  type ConnectionMethod,
  type DialAttempt,
  LektError,
  type MethodHost,
  type PeerSignal,
  type PeerTarget,
  type RawPath,
} from "@lekt/protocol";

export interface LoopbackOptions {
  readonly name: string;
  /** Of private use. */
  readonly index: number;
  readonly relayed?: boolean;
  /** The peer is asked by a signal to connect here; both count as dialling then. */
  readonly agreed?: boolean;
}

const ATTEMPT_BYTES = 16;

/** The smallest connection method that is one: TCP between rooms of one machine. For tests of rooms, and of the methods' suite. */
export class LoopbackMethod implements ConnectionMethod<Duplex> {
  readonly name: string;
  readonly index: number;
  readonly relayed: boolean;
  readonly #agreed: boolean;
  readonly #server: Server;
  /** Agreed attempts of this side → takes the connection of the peer. */
  readonly #expected = new Map<string, (socket: Socket) => void>();
  readonly #unknown = new Set<Socket>();
  #host: MethodHost<Duplex> | undefined;

  constructor({ name, index, relayed = false, agreed = false }: LoopbackOptions) {
    this.name = name;
    this.index = index;
    this.relayed = relayed;
    this.#agreed = agreed;
    this.#server = createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true }, (socket) =>
      this.#connected(socket),
    );
  }

  async start(host: MethodHost<Duplex>): Promise<Uint8Array> {
    this.#host = host;
    await new Promise<void>((resolve) => {
      this.#server.listen(0, "127.0.0.1", resolve);
    });
    return Uint8Array.of(this.#port >> 8, this.#port & 0xff);
  }

  learned(): void {}

  obstacle(peer: PeerTarget): string | undefined {
    return peer.payload?.length === 2 ? undefined : "the peer published no port";
  }

  dial(attempt: DialAttempt): Promise<RawPath<Duplex>> {
    return this.#agreed ? this.#await(attempt) : this.#connect(attempt);
  }

  received(from: PeerTarget, { attempt, port, type }: PeerSignal): void {
    if (type !== "offer" || typeof port !== "number") return;
    const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true, noDelay: true });
    socket.on("error", () => {});
    socket.once("connect", () => {
      socket.write(attempt);
      this.#host?.accepted(this.#path(socket, "both"), { identity: from.identity, attempt });
    });
  }

  undeliverable(): void {}

  async close(): Promise<void> {
    for (const socket of this.#unknown) socket.destroy();
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      // Sockets that were handed over keep the server from closing, and are not its own any more.
      resolve();
    });
  }

  get #port(): number {
    const address = this.#server.address();
    return typeof address === "object" && address ? address.port : 0;
  }

  #connect({ peer, signal, candidate }: DialAttempt): Promise<RawPath<Duplex>> {
    const [high = 0, low = 0] = peer.payload ?? [];
    const port = (high << 8) | low;
    candidate(`127.0.0.1:${port}`);
    const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true, noDelay: true });
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        socket.destroy();
        reject(aborted());
      };
      signal.addEventListener("abort", onAbort, { once: true });
      if (signal.aborted) onAbort();
      socket.on("error", (error) => reject(new LektError("LEKT_PATH", error.message, { cause: error })));
      socket.once("connect", () => {
        signal.removeEventListener("abort", onAbort);
        resolve(this.#path(socket, "here"));
      });
    });
  }

  #await({ id, peer, signal }: DialAttempt): Promise<RawPath<Duplex>> {
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        this.#expected.delete(id);
        reject(aborted());
      };
      signal.addEventListener("abort", onAbort, { once: true });
      if (signal.aborted) return onAbort();
      this.#expected.set(id, (socket) => {
        signal.removeEventListener("abort", onAbort);
        resolve(this.#path(socket, "both"));
      });
      const offer = { v: 1, type: "offer", attempt: id, method: this.name, port: this.#port } as const;
      this.#host?.signal(peer.identity, offer);
    });
  }

  #connected(socket: Socket): void {
    socket.on("error", () => {});
    if (!this.#agreed) {
      this.#host?.accepted(this.#path(socket, "there"));
      return;
    }
    this.#unknown.add(socket);
    const read = () => {
      const id: Buffer | null = socket.read(ATTEMPT_BYTES);
      if (!id) return;
      socket.off("readable", read);
      this.#unknown.delete(socket);
      const take = this.#expected.get(id.toString());
      this.#expected.delete(id.toString());
      if (take) take(socket);
      else socket.destroy();
    };
    socket.on("readable", read);
  }

  #path(socket: Socket, dialled: RawPath<Duplex>["dialled"]): RawPath<Duplex> {
    const local = `${socket.localAddress}:${socket.localPort}`;
    const remote = `${socket.remoteAddress}:${socket.remotePort}`;
    return { stream: socket, dialled, local, remote, relayed: this.relayed };
  }
}

function aborted(): LektError {
  return new LektError("LEKT_ABORTED", "Connecting was aborted.");
}
