/*
 * Frames (spec 9.10): what peers send behind the preambles, where both can.
 *
 *   u32 length | bytes
 *
 * 0: a pulse. FFFFFFFF: the end of this direction.
 */

/** Bytes of the application in one frame. */
export const MAX_FRAME_BYTES = 1_048_576;
const HEAD_BYTES = 4;
const END = 0xff_ff_ff_ff;

export const PULSE_FRAME = frameHead(0);
export const END_FRAME = frameHead(END);

/** What goes before so many bytes: 1 to `MAX_FRAME_BYTES`. */
export function frameHead(length: number): Uint8Array {
  const head = new Uint8Array(HEAD_BYTES);
  new DataView(head.buffer).setUint32(0, length);
  return head;
}

/** Takes frames apart, however they were split on the way. Keeps no bytes of the application. */
export class FrameDecoder {
  /** The direction is over; pulses may still come. */
  hasEnded = false;
  #head = 0;
  #headBytes = 0;
  /** Of the frame that is being read. */
  #missingBytes = 0;

  /**
   * @param take gets the application's bytes in order, as parts of `bytes`
   * @returns the fault, as the end of a sentence, after which nothing can be read
   */
  decode(bytes: Uint8Array, take: (part: Uint8Array) => void): string | undefined {
    for (let at = 0; at < bytes.length; ) {
      if (this.#missingBytes > 0) {
        const part = bytes.subarray(at, at + this.#missingBytes);
        at += part.length;
        this.#missingBytes -= part.length;
        take(part);
        continue;
      }
      this.#head = this.#head * 256 + (bytes[at++] ?? 0);
      if (++this.#headBytes < HEAD_BYTES) continue;
      const fault = this.#begin(this.#head);
      if (fault) return fault;
      this.#head = 0;
      this.#headBytes = 0;
    }
    return undefined;
  }

  #begin(length: number): string | undefined {
    if (length === 0) return undefined;
    if (this.hasEnded) return "a frame follows the end";
    if (length === END) this.hasEnded = true;
    else if (length > MAX_FRAME_BYTES) return `a frame has ${length} bytes, more than ${MAX_FRAME_BYTES}`;
    else this.#missingBytes = length;
    return undefined;
  }
}
