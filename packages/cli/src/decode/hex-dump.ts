import { LektError } from "@lekt/protocol";
import { PlainHexParser } from "./plain-hex.ts";

/** Lines of dumps are shorter; a longer line is plain hex, and is parsed as it comes. */
const MAX_DUMP_LINE = 1_024;

/** So much may all `*` of a dump stand for: an offset is a few digits, and may say anything. */
export const MAX_REPEATED_BYTES = 16_777_216;

/** `00000010: 4c45 4b54 …  LEKT…` */
const XXD = /^\s*([0-9a-f]{4,16}): ((?:[0-9a-f]+ ?)+)(?: .*)?$/i;
/** `00000010  4c 45 4b 54 …  |LEKT…|`, and the offset alone at the end. */
const HEXDUMP = /^([0-9a-f]{6,16})(?: {2}((?:[0-9a-f]{2} +)+)\|.*)?$/i;

interface DumpLine {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** Turns hex text of the usual kinds into bytes: plain digits, `xxd`, `hexdump -C`. */
export class HexDumpReader {
  readonly #plain = new PlainHexParser();
  #waiting = "";
  #line = 1;
  /** The current line is longer than a dump's, and a part of it is parsed. */
  #inLongLine = false;
  #previous: DumpLine | undefined;
  /** A `*` came: the previous line is repeated up to the offset of the next one. */
  #repeating = false;
  #repeatedBytes = 0;

  *read(text: string): Generator<Uint8Array> {
    const lines = (this.#waiting + text).split("\n");
    this.#waiting = lines.pop() as string;
    for (const line of lines) {
      yield* this.#inLongLine ? this.#piece(line) : this.#wholeLine(line);
      this.#inLongLine = false;
      this.#plain.endLine();
      this.#line++;
    }
    if (this.#waiting.length > MAX_DUMP_LINE) {
      const piece = this.#waiting;
      this.#waiting = "";
      this.#inLongLine = true;
      yield* this.#piece(piece);
    }
  }

  *end(): Generator<Uint8Array> {
    yield* this.read("\n");
    if (this.#plain.insideByte) {
      throw new LektError("LEKT_INPUT", "The hex dump ends with half a byte: one hex digit is missing.");
    }
  }

  *#piece(text: string): Generator<Uint8Array> {
    yield this.#plain.parse(text, this.#line);
  }

  *#wholeLine(line: string): Generator<Uint8Array> {
    const text = line.trimEnd();
    if (text === "*" && this.#previous) {
      this.#repeating = true;
      return;
    }
    const dumped = this.#plain.insideByte ? undefined : this.#dumpLine(text);
    if (!dumped) {
      yield* this.#piece(text);
      return;
    }
    if (this.#repeating && this.#previous) yield* this.#repeated(this.#previous, dumped.offset);
    this.#repeating = false;
    this.#previous = dumped;
    yield dumped.bytes;
  }

  #dumpLine(text: string): DumpLine | undefined {
    const match = XXD.exec(text) ?? HEXDUMP.exec(text);
    if (!match) return undefined;
    const digits = match[2];
    // An offset alone ends a dump; without a dump before it, it is plain hex.
    if (digits === undefined && !this.#previous) return undefined;
    const offset = Number.parseInt(match[1] as string, 16);
    return { offset, bytes: new PlainHexParser().parse(digits ?? "", this.#line) };
  }

  *#repeated({ offset, bytes }: DumpLine, until: number): Generator<Uint8Array> {
    const missing = until - offset - bytes.length;
    if (bytes.length === 0 || missing < 0 || missing % bytes.length !== 0) {
      throw new LektError(
        "LEKT_INPUT",
        `Line ${this.#line} of the hex dump: its offset does not fit the '*' before it.`,
      );
    }
    this.#repeatedBytes += missing;
    if (this.#repeatedBytes > MAX_REPEATED_BYTES) {
      throw new LektError(
        "LEKT_INPUT",
        `Line ${this.#line} of the hex dump: '*' stands for more than ${MAX_REPEATED_BYTES} bytes; give the raw bytes, or a dump without '*' (hexdump -v).`,
      );
    }
    for (let i = 0; i < missing / bytes.length; i++) yield bytes;
  }
}
