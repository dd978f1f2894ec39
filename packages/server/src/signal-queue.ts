import { MAX_WAITING_SIGNAL_BYTES } from "@lekt/protocol";

/** Signals for one receiver, whose socket has not taken yet what was last written (spec 8.1.5). */
export class SignalQueue {
  #packets: Uint8Array[] = [];
  #bytes = 0;

  get isEmpty(): boolean {
    return this.#bytes === 0;
  }

  /** @returns false where it is full. */
  add(packet: Uint8Array): boolean {
    if (this.#bytes + packet.length > MAX_WAITING_SIGNAL_BYTES) return false;
    this.#packets.push(packet);
    this.#bytes += packet.length;
    return true;
  }

  /** Takes those that came first, of so many bytes together; the first may be longer. */
  take(maxBytes: number): readonly Uint8Array[] {
    let count = 0;
    let bytes = 0;
    for (const packet of this.#packets) {
      if (count > 0 && bytes + packet.length > maxBytes) break;
      bytes += packet.length;
      count++;
    }
    this.#bytes -= bytes;
    return this.#packets.splice(0, count);
  }
}
