/*
 * What both ends of a stream do here. The dialing side sends one byte, which is answered with one; then bytes to its end.
 * The other side says what it got, as JSON, and ends, too.
 */
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import type { Duplex } from "node:stream";
import { text } from "node:stream/consumers";

/** The first byte: is the rest to be hashed, which costs as much as a transfer, or counted alone? */
const HASHED = "h".charCodeAt(0);
const COUNTED = "c".charCodeAt(0);
const ANSWER = "!";
const BLOCK_BYTES = 65_536;

interface Receipt {
  readonly bytes: number;
  /** Hex; empty where it was only counted. */
  readonly sha256: string;
}

/** The side that is dialled. */
export function serveTransfer(stream: Duplex): void {
  const hash = createHash("sha256");
  let isHashed = false;
  let bytes = -1;
  stream.on("data", (chunk: Buffer) => {
    if (bytes < 0) {
      isHashed = chunk[0] === HASHED;
      stream.write(ANSWER);
      if (isHashed) hash.update(chunk.subarray(1));
    } else if (isHashed) hash.update(chunk);
    bytes += chunk.length;
  });
  stream.once("end", () => {
    const receipt: Receipt = { bytes, sha256: isHashed ? hash.digest("hex") : "" };
    stream.end(JSON.stringify(receipt));
  });
  stream.on("error", () => stream.destroy());
}

/** From here on the stream is in use. Resolves with the first byte that comes back. */
export async function exchangeFirstByte(stream: Duplex, isHashed = false): Promise<void> {
  stream.write(Buffer.of(isHashed ? HASHED : COUNTED));
  const [answer] = await once(stream, "data");
  stream.pause();
  if (String(answer) !== ANSWER) throw new Error("the other end answered with a wrong byte");
}

/** Sends bytes that nobody could guess and compares the hash of what came. @throws Error where it is another. */
export async function checkTransfer(stream: Duplex, bytes: number): Promise<void> {
  await exchangeFirstByte(stream, true);
  const hash = createHash("sha256");
  const receipt = await sent(stream, bytes, (length) => {
    const block = randomBytes(length);
    hash.update(block);
    return block;
  });
  const sha256 = hash.digest("hex");
  if (receipt.bytes !== bytes || receipt.sha256 !== sha256) {
    throw new Error(`${bytes} bytes (${sha256}) were sent, and ${receipt.bytes} (${receipt.sha256}) came`);
  }
}

/** @returns seconds from the first byte until the other end has said that it has all. */
export async function timeTransfer(stream: Duplex, bytes: number): Promise<number> {
  await exchangeFirstByte(stream);
  const block = randomBytes(BLOCK_BYTES);
  const startMs = performance.now();
  const receipt = await sent(stream, bytes, (length) => block.subarray(0, length));
  const seconds = (performance.now() - startMs) / 1_000;
  if (receipt.bytes !== bytes) throw new Error(`${bytes} bytes were sent, and ${receipt.bytes} came`);
  return seconds;
}

async function sent(stream: Duplex, bytes: number, block: (length: number) => Buffer): Promise<Receipt> {
  const answer = text(stream);
  // It is awaited after what is sent; an error breaks both.
  answer.catch(() => {});
  for (let left = bytes; left > 0; ) {
    const part = block(Math.min(left, BLOCK_BYTES));
    left -= part.length;
    if (!stream.write(part)) await Promise.race([once(stream, "drain"), answer]);
  }
  stream.end();
  return JSON.parse(await answer) as Receipt;
}
