import { LektError } from "@lekt/protocol";

/** Hex digits with white space or colons between them; `#` begins a comment. From any split of the text. */
export class PlainHexParser {
  #high = -1;
  #inComment = false;

  /** Whether the text stands between the two digits of a byte. */
  get insideByte(): boolean {
    return this.#high >= 0;
  }

  endLine(): void {
    this.#inComment = false;
  }

  /** @param line for the message of a fault. */
  parse(text: string, line: number): Uint8Array {
    const bytes = new Uint8Array((text.length + 1) >> 1);
    let length = 0;
    for (const character of text) {
      if (this.#inComment) break;
      const digit = HEX_DIGITS.indexOf(character);
      if (digit >= 0) {
        if (this.#high < 0) this.#high = digit & 15;
        else {
          bytes[length++] = this.#high * 16 + (digit & 15);
          this.#high = -1;
        }
      } else if (character === "#") this.#inComment = true;
      else if (!/[\s:]/.test(character)) {
        throw new LektError(
          "LEKT_INPUT",
          `Line ${line} of the hex dump: '${character}' is no hex digit; if these are raw bytes, say --raw.`,
        );
      }
    }
    return bytes.subarray(0, length);
  }
}

/** A digit's value is its index modulo 16. */
const HEX_DIGITS = "0123456789abcdef0123456789ABCDEF";
