import type { Socket } from "node:net";
import type { Link } from "./visitor.ts";

const NOTHING = Buffer.alloc(0);

/** A TCP connection as the heart sees it. */
export class SocketLink implements Link {
  readonly address: string;
  readonly port: number;
  readonly #socket: Socket;
  readonly #onWritable: () => void;

  constructor(socket: Socket, onWritable: () => void) {
    // A connection that is gone already has no address.
    this.address = socket.remoteAddress ?? "";
    this.port = socket.remotePort ?? 0;
    this.#socket = socket;
    this.#onWritable = onWritable;
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
    socket.write(NOTHING, this.#onWritable);
    return false;
  }

  end(): void {
    this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }
}
