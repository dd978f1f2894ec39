import { Duplex } from "node:stream";

/**
 * What carries TLS: the path as a stream of its own kind. Under TLS, Node.js takes the bytes of a socket past
 * JavaScript, and nobody learns how they ended. And TLS ends when what carries it closes, whatever is still to be read
 * then: so this one stays until TLS closes it, or the path breaks.
 */
export class PathCarrier extends Duplex {
  readonly #path: Duplex;

  constructor(path: Duplex) {
    super({ allowHalfOpen: true, autoDestroy: false });
    this.#path = path;
    path.pause();
    path.on("data", (bytes) => {
      if (!this.push(bytes)) path.pause();
    });
    path.once("end", () => this.push(null));
    path.on("error", (error) => this.destroy(error));
    path.once("close", () => {
      if (!path.readableEnded || !this.writableFinished) this.destroy();
    });
  }

  override _read(): void {
    this.#path.resume();
  }

  override _write(bytes: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#path.write(bytes, done);
  }

  override _writev(parts: readonly { readonly chunk: Buffer }[], done: (error?: Error | null) => void): void {
    this._write(Buffer.concat(parts.map(({ chunk }) => chunk)), "binary", done);
  }

  override _final(done: () => void): void {
    this.#path.end(done);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#path.destroy();
    done(error);
  }
}
