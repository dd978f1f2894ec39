import { toHex } from "@lekt/protocol";
import type { Evidence } from "./check.ts";

const SHOWN_BYTES = 48;

/** The last bytes of one direction; the rest is counted alone. */
export class ByteTail {
  #bytes: Buffer = Buffer.alloc(0);
  #total = 0;

  add(bytes: Uint8Array): void {
    this.#total += bytes.length;
    this.#bytes = Buffer.concat([this.#bytes, bytes]).subarray(-SHOWN_BYTES);
  }

  get total(): number {
    return this.#total;
  }

  get text(): string {
    if (this.#total === 0) return "nothing";
    const before = this.#total - this.#bytes.length;
    return `${before > 0 ? `(${before} bytes) … ` : ""}${toHex(this.#bytes)}`;
  }
}

/** Both directions, each with its last packets in words. */
export function evidenceOf(
  sent: ByteTail,
  sentWords: readonly string[],
  received: ByteTail,
  receivedWords: readonly string[],
): Evidence {
  const side = (tail: ByteTail, words: readonly string[]) =>
    words.length > 0 ? `${words.slice(-6).join(", ")}; ${tail.text}` : tail.text;
  return { sent: side(sent, sentWords), received: side(received, receivedWords) };
}
