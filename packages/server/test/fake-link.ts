import { type ServerPacket, ServerPacketDecoder } from "@lekt/protocol";
import type { Link } from "../src/visitor.ts";

/** A connection without a network: its reader takes all that the server writes, or as much as the test lets it. */
export class FakeLink implements Link {
  readonly address: string;
  readonly port: number;
  readonly localAddress = "192.0.2.1";
  /** What the server wrote, write by write: the very buffers. */
  readonly writes: (readonly Uint8Array[])[] = [];
  /** What the reader got, decoded; a server that breaks the protocol makes the write throw. */
  readonly packets: ServerPacket[] = [];
  receivedBytes = 0;
  ended = false;
  destroyed = false;
  /** To be told when all that waited was taken, as a socket does. */
  onWritable: () => void = () => {};
  onDestroyed: () => void = () => {};
  readonly #decoder = new ServerPacketDecoder();
  #room = Number.POSITIVE_INFINITY;
  #waiting: Uint8Array[] = [];

  constructor(address: string, port = 40_000) {
    this.address = address;
    this.port = port;
  }

  /** Bytes that the server wrote and the reader has not taken. */
  get waitingBytes(): number {
    return this.#waiting.reduce((sum, part) => sum + part.length, 0);
  }

  /** Whether the reader has a part of a packet, and not its rest. */
  get insidePacket(): boolean {
    return this.#decoder.insidePacket;
  }

  write(parts: readonly Uint8Array[]): boolean {
    if (this.ended) throw new Error("the server wrote behind its own end");
    if (this.destroyed) return true;
    this.writes.push(parts);
    this.#waiting.push(...parts);
    this.#take();
    return this.#waiting.length === 0;
  }

  end(): void {
    this.ended = true;
  }

  destroy(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    this.#waiting = [];
    this.onDestroyed();
  }

  /** From now on the reader takes nothing but what `read` lets it. */
  stopReading(): void {
    this.#room = 0;
  }

  /** The reader takes so many bytes more, fewer where so many do not come. */
  read(bytes: number): void {
    const wasBlocked = this.#waiting.length > 0;
    this.#room = bytes;
    this.#take();
    if (wasBlocked && this.#waiting.length === 0) this.onWritable();
    if (bytes !== Number.POSITIVE_INFINITY) this.#room = 0;
  }

  /** The reader takes all there is, and all that comes. */
  readOn(): void {
    this.read(Number.POSITIVE_INFINITY);
  }

  #take(): void {
    while (this.#room > 0) {
      const part = this.#waiting.shift();
      if (!part) return;
      const taken = part.subarray(0, this.#room);
      this.#room -= taken.length;
      if (taken.length < part.length) this.#waiting.unshift(part.subarray(taken.length));
      this.#decode(taken);
    }
  }

  #decode(bytes: Uint8Array): void {
    this.receivedBytes += bytes.length;
    this.#decoder.push(bytes);
    for (let packet = this.#decoder.next(); packet; packet = this.#decoder.next()) this.packets.push(packet);
  }
}
