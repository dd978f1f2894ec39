import type { Socket } from "node:net";
import { Duplex } from "node:stream";

/** A relay's side of a connection, in memory: its other side reads, and is gone, when a test says so. */
export class MemorySocket extends Duplex {
  readonly remoteAddress = "127.0.0.1";
  /** What the other side has read. */
  text = "";
  /** What it has not read yet, and how to tell that it has. */
  #unread: { text: string; taken: () => void }[] = [];
  #reads = true;
  wasReset = false;

  constructor() {
    super({ allowHalfOpen: true });
  }

  /** What a relay takes over; it asks for no more of a socket than is here. */
  get asSocket(): Socket {
    return this as unknown as Socket;
  }

  get unread(): string {
    return this.#unread.map(({ text }) => text).join("");
  }

  stopReading(): void {
    this.#reads = false;
  }

  readOn(): void {
    this.#reads = true;
    for (const { text, taken } of this.#unread.splice(0)) {
      this.text += text;
      taken();
    }
  }

  setKeepAlive(): this {
    return this;
  }

  resetAndDestroy(): this {
    this.wasReset = true;
    return this.destroy();
  }

  override _read(): void {}

  override _write(bytes: Buffer, _encoding: BufferEncoding, taken: () => void): void {
    this.#unread.push({ text: bytes.toString("latin1"), taken });
    if (this.#reads) this.readOn();
  }
}
