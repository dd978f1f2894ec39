import { createReadStream } from "node:fs";
import { LektError } from "@lekt/protocol";
import { HexDumpReader } from "./hex-dump.ts";

export type InputForm = "raw" | "hex";

/** So many bytes tell a hex dump from raw bytes. */
const SAMPLE_BYTES = 64;

/**
 * The bytes of a stream that is stored raw or as a hex dump, piece by piece.
 * @param path `-` is stdin.
 * @param form undefined: looks at the beginning.
 */
export async function* inputBytes(path: string, form: InputForm | undefined): AsyncGenerator<Uint8Array> {
  const dump = new HexDumpReader();
  const text = new TextDecoder();
  let sample: Uint8Array | undefined = new Uint8Array(0);
  let found = form;
  for await (const chunk of sourceChunks(path)) {
    const bytes: Uint8Array = sample && sample.length > 0 ? Buffer.concat([sample, chunk]) : chunk;
    if (!found && bytes.length < SAMPLE_BYTES && isText(bytes) && !bytes.includes(10)) {
      sample = bytes;
      continue;
    }
    sample = undefined;
    found ??= formOf(bytes);
    if (found === "raw") yield bytes;
    else yield* dump.read(text.decode(bytes, { stream: true }));
  }
  if (sample && sample.length > 0) {
    found ??= formOf(sample);
    if (found === "raw") yield sample;
    else yield* dump.read(text.decode(sample, { stream: true }));
  }
  if (found === "hex") yield* dump.end();
}

/** Hex where the beginning is text whose first word is hex digits or a comment. */
function formOf(bytes: Uint8Array): InputForm {
  const beginning = Buffer.from(bytes.subarray(0, SAMPLE_BYTES)).toString("latin1");
  return isText(bytes) && /^\s*(#|[0-9a-f]{2,}(?=[\s:#]|$))/i.test(beginning) ? "hex" : "raw";
}

/** Whether no control characters are at the beginning, tabs and line ends aside. */
function isText(bytes: Uint8Array): boolean {
  return bytes.subarray(0, SAMPLE_BYTES).every((byte) => byte >= 0x20 || (byte >= 9 && byte <= 13));
}

async function* sourceChunks(path: string): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of path === "-" ? process.stdin : createReadStream(path)) {
      yield chunk as Uint8Array;
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    const why = code === "ENOENT" ? "there is no such file" : `it cannot be read (${code})`;
    throw new LektError(
      "LEKT_INPUT",
      `The input '${path}': ${why}; name a file with a hex dump or raw bytes, or - for stdin.`,
    );
  }
}
