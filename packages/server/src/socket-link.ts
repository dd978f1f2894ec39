import type { Socket } from "node:net";
import type { Link, Visitor } from "./visitor.ts";

/** What the rim does when something happens to a connection. */
export interface SocketEvents {
  received(visitor: Visitor, bytes: Uint8Array): void;
  writable(visitor: Visitor): void;
  /** The other side ended its writing; its link is to be ended, too. */
  ended(visitor: Visitor): void;
  closed(visitor: Visitor): void;
}

const NOTHING = Buffer.alloc(0);
const LINK = Symbol("link");
type LinkedSocket = Socket & { [LINK]: SocketLink };

/**
 * A TCP connection as the heart sees it. All sockets share their listeners, so that an idle connection costs
 * little memory.
 */
export class SocketLink implements Link {
  readonly #socket: Socket;
  readonly #events: SocketEvents;
  #visitor: Visitor | undefined;

  constructor(socket: Socket, events: SocketEvents) {
    this.#socket = socket;
    this.#events = events;
  }

  /** A connection that is gone already has no address. */
  get address(): string {
    return this.#socket.remoteAddress ?? "";
  }

  get port(): number {
    return this.#socket.remotePort ?? 0;
  }

  get localAddress(): string {
    return this.#socket.localAddress ?? "";
  }

  /** From now on `events` hears what happens. */
  attach(visitor: Visitor): void {
    this.#visitor = visitor;
    const socket = Object.assign(this.#socket, { [LINK]: this });
    socket.on("data", onData);
    socket.on("end", onEnd);
    socket.on("error", onError);
    socket.on("close", onClose);
  }

  /** From now on somebody else has the socket, and `events` hears nothing. */
  release(): Socket {
    const socket = this.#socket;
    this.#visitor = undefined;
    socket.off("data", onData);
    socket.off("end", onEnd);
    socket.off("error", onError);
    socket.off("close", onClose);
    return socket;
  }

  write(parts: readonly Uint8Array[]): boolean {
    const socket = this.#socket;
    if (socket.destroyed || socket.writableEnded) return true;
    if (parts.length === 1) socket.write(parts[0] as Uint8Array);
    else {
      socket.cork();
      for (const part of parts) socket.write(part);
      socket.uncork();
    }
    if (socket.writableLength === 0) return true;
    // Written behind what waits: its callback comes when the kernel has taken all of it.
    socket.write(NOTHING, () => {
      if (this.#visitor) this.#events.writable(this.#visitor);
    });
    return false;
  }

  end(): void {
    this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  received(bytes: Uint8Array): void {
    if (this.#visitor) this.#events.received(this.#visitor, bytes);
  }

  ended(): void {
    if (this.#visitor) this.#events.ended(this.#visitor);
  }

  closed(): void {
    if (this.#visitor) this.#events.closed(this.#visitor);
  }
}

function onData(this: LinkedSocket, bytes: Uint8Array): void {
  this[LINK].received(bytes);
}

function onEnd(this: LinkedSocket): void {
  this[LINK].ended();
}

/** What went wrong with a connection is its end, and that follows. */
function onError(): void {}

function onClose(this: LinkedSocket): void {
  this[LINK].closed();
}
