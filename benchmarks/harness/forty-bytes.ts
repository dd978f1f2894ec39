/*
 * What a member publishes, so that whoever learns it can check every byte and tell how old it is
 *
 *   0   number of the member (u32)
 *   4   when it was published: microseconds of a clock that all processes of a machine share (f64)
 *   12  seven words that follow from the twelve bytes before (u32 each)
 */
export const FORTY = 40;
const DERIVED_AT = 12;

/** Microseconds of the monotonic clock, the same in all processes of a machine. */
export function clockUs(): number {
  return Number(process.hrtime.bigint() / 1_000n);
}

export function fortyBytes(number: number, atUs: number): Buffer {
  const bytes = Buffer.alloc(FORTY);
  bytes.writeUInt32BE(number, 0);
  bytes.writeDoubleBE(atUs, 4);
  let word = seedOf(bytes, 0);
  for (let at = DERIVED_AT; at < FORTY; at += 4) {
    word = next(word);
    bytes.writeUInt32BE(word, at);
  }
  return bytes;
}

/** @returns the number of the member whose forty bytes stand at `offset`, or -1 where a byte is wrong. */
export function memberNumber(bytes: Buffer, offset: number): number {
  if (bytes.length < offset + FORTY) return -1;
  let word = seedOf(bytes, offset);
  for (let at = offset + DERIVED_AT; at < offset + FORTY; at += 4) {
    word = next(word);
    if (readU32(bytes, at) !== word) return -1;
  }
  return readU32(bytes, offset);
}

export function publishedAtUs(bytes: Buffer, offset: number): number {
  return bytes.readDoubleBE(offset + 4);
}

function seedOf(bytes: Buffer, offset: number): number {
  return (readU32(bytes, offset) ^ readU32(bytes, offset + 4) ^ readU32(bytes, offset + 8)) >>> 0;
}

/** A step of a linear congruential generator. */
function next(word: number): number {
  return (Math.imul(word, 1_664_525) + 1_013_904_223) >>> 0;
}

/** Without the checks of `readUInt32BE`: this is called ten times for each of millions of entries. */
function readU32(bytes: Buffer, at: number): number {
  return (
    (((bytes[at] as number) << 24) |
      ((bytes[at + 1] as number) << 16) |
      ((bytes[at + 2] as number) << 8) |
      (bytes[at + 3] as number)) >>>
    0
  );
}
