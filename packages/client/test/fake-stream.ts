import type { ByteStream, StreamHandlers } from "../src/byte-stream.ts";

/** A stream whose other end is the test. */
export class FakeStream implements ByteStream {
  readonly remoteAddress = "127.0.0.1";
  readonly remotePort = 1;
  readonly localAddress = "127.0.0.1";
  readonly localPort = 50_000;
  readonly written: Uint8Array[] = [];
  ended = false;
  destroyed = false;
  #handlers: StreamHandlers | undefined;

  open(handlers: StreamHandlers): void {
    this.#handlers = handlers;
  }

  write(bytes: Uint8Array): void {
    this.written.push(bytes);
  }

  end(): void {
    this.ended = true;
  }

  destroy(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    queueMicrotask(() => this.#handlers?.onClose());
  }

  /** What the server sends. */
  receive(...packets: readonly Uint8Array[]): void {
    this.#handlers?.onData(Buffer.concat(packets));
  }

  /** The server sends nothing more. */
  receiveEnd(): void {
    this.#handlers?.onEnd();
  }
}
