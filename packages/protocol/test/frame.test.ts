import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { concatBytes, toHex } from "../src/bytes.ts";
import { END_FRAME, FrameDecoder, frameHead, MAX_FRAME_BYTES, PULSE_FRAME } from "../src/peers/frame.ts";
import { bytesOf, peerVectors } from "./vector-files.ts";

interface Read {
  readonly data: string;
  readonly hasEnded: boolean;
  readonly fault: string | undefined;
}

/** What comes of the chunks until one is faulty. */
function readAll(chunks: readonly Uint8Array[]): Read {
  const decoder = new FrameDecoder();
  const parts: Uint8Array[] = [];
  let fault: string | undefined;
  for (const chunk of chunks) fault ??= decoder.decode(chunk, (part) => parts.push(part));
  return { data: toHex(concatBytes(parts)), hasEnded: decoder.hasEnded, fault };
}

function bytewise(bytes: Uint8Array): Uint8Array[] {
  return Array.from(bytes, (byte) => Uint8Array.of(byte));
}

const { frames, malformedFrames } = peerVectors();

describe("frames", () => {
  test.each(frames)("$name", ({ hex, data, hasEnded }) => {
    const bytes = bytesOf(hex);
    const expected = { data, hasEnded, fault: undefined };
    expect(readAll([bytes])).toEqual(expected);
    expect(readAll(bytewise(bytes))).toEqual(expected);
    for (let at = 0; at <= bytes.length; at++) {
      expect(readAll([bytes.subarray(0, at), bytes.subarray(at)])).toEqual(expected);
    }
  });

  test.each(malformedFrames)("malformed: $name", ({ hex, offset }) => {
    const bytes = bytesOf(hex);
    expect(readAll([bytes]).fault).toMatch(/./);
    expect(readAll(bytewise(bytes.subarray(0, offset))).fault).toBeUndefined();
    expect(readAll(bytewise(bytes.subarray(0, offset + 1))).fault).toMatch(/./);
  });

  test("what is written is read, however it was split on the way", () => {
    const frame = fc.oneof(fc.constant(new Uint8Array(0)), fc.uint8Array({ minLength: 1, maxLength: 40 }));
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 8 }), fc.array(fc.nat({ max: 400 })), (sent, cuts) => {
        const bytes = concatBytes([
          ...sent.flatMap((part) => (part.length > 0 ? [frameHead(part.length), part] : [PULSE_FRAME])),
          END_FRAME,
          PULSE_FRAME,
        ]);
        const edges = [
          0,
          ...cuts.map((cut) => Math.min(cut, bytes.length)).sort((a, b) => a - b),
          bytes.length,
        ];
        const chunks = edges.slice(1).map((edge, i) => bytes.subarray(edges[i], edge));
        expect(readAll(chunks)).toEqual({ data: toHex(concatBytes(sent)), hasEnded: true, fault: undefined });
      }),
    );
  });

  test(`a frame has ${MAX_FRAME_BYTES} bytes at most`, () => {
    expect(readAll([frameHead(MAX_FRAME_BYTES)]).fault).toBeUndefined();
    expect(readAll([frameHead(MAX_FRAME_BYTES + 1)]).fault).toMatch(/1048577 bytes, more than 1048576/);
  });
});
