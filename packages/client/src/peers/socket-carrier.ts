import type { Socket } from "node:net";
import { Duplex } from "node:stream";

/**
 * A socket as any other stream. Under TLS, Node.js takes the bytes of a socket past JavaScript, and nobody
 * learns how they ended.
 */
export class SocketCarrier extends Duplex {
  readonly #socket: Socket;

  constructor(socket: Socket) {
    super({ allowHalfOpen: true });
    this.#socket = socket;
    socket.pause();
    socket.on("data", (bytes) => {
      if (!this.push(bytes)) socket.pause();
    });
    socket.once("end", () => this.push(null));
    socket.on("error", (error) => this.destroy(error));
    // One that has ended in order may still be read: what came last waits here.
    socket.once("close", () => {
      if (!socket.readableEnded) this.destroy();
    });
  }

  override _read(): void {
    this.#socket.resume();
  }

  override _write(bytes: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#socket.write(bytes, done);
  }

  override _writev(parts: readonly { readonly chunk: Buffer }[], done: (error?: Error | null) => void): void {
    this._write(Buffer.concat(parts.map(({ chunk }) => chunk)), "binary", done);
  }

  override _final(done: () => void): void {
    this.#socket.end(done);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#socket.destroy();
    done(error);
  }
}
