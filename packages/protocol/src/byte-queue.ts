import { copyBytes } from "./bytes.ts";

/**
 * The bytes that came and are not decoded yet, contiguous. A chunk that finds the queue empty is read
 * where it lies; a rest is copied, into a buffer that doubles, so that bytes that trickle in cost no more.
 * Nothing in here bounds its size: the decoders check each length before they wait for more.
 */
export class ByteQueue {
  bytes: Uint8Array = EMPTY;
  /** Where the next byte to decode stands in `bytes`. */
  start = 0;
  #end = 0;
  /** Bytes consumed since the beginning of the stream. */
  offset = 0;
  #owned = false;

  /** How many bytes wait. */
  get length(): number {
    return this.#end - this.start;
  }

  push(chunk: Uint8Array): void {
    const waiting = this.length;
    if (waiting === 0) {
      this.bytes = chunk;
      this.start = 0;
      this.#end = chunk.length;
      this.#owned = false;
      return;
    }
    const needed = waiting + chunk.length;
    if (!this.#owned || this.#end + chunk.length > this.bytes.length) {
      this.#moveTo(new Uint8Array(Math.max(64, needed * 2)));
    }
    this.bytes.set(chunk, this.#end);
    this.#end += chunk.length;
  }

  consume(count: number): void {
    this.start += count;
    this.offset += count;
    if (this.start === this.#end) this.clear();
  }

  /** A copy of `count` bytes, `skip` bytes from the start. */
  copy(skip: number, count: number): Uint8Array {
    return copyBytes(this.bytes.subarray(this.start + skip, this.start + skip + count));
  }

  /** Nothing can be decoded for now: a single byte would hold on to the whole chunk that it came in. */
  trim(): void {
    const waiting = this.length;
    if (waiting === 0 || this.bytes.buffer.byteLength <= Math.max(SMALL_BYTES, 4 * waiting)) return;
    this.#moveTo(new Uint8Array(2 * waiting));
  }

  #moveTo(buffer: Uint8Array): void {
    const waiting = this.length;
    buffer.set(this.bytes.subarray(this.start, this.#end));
    this.bytes = buffer;
    this.start = 0;
    this.#end = waiting;
    this.#owned = true;
  }

  clear(): void {
    this.bytes = EMPTY;
    this.start = this.#end = 0;
    this.#owned = false;
  }
}

/** To move what waits out of a buffer of this size saves nothing. */
const SMALL_BYTES = 512;
const EMPTY = new Uint8Array(0);
