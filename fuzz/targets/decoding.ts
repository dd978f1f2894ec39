import { concatBytes, equalBytes } from "@lekt/protocol";
import type { Decoded } from "@lekt/testkit";
import { type FuzzInput, piecesOf } from "../engine/fuzz-input.ts";
import { check, type Note } from "../engine/fuzz-target.ts";
import { isSame } from "../models/equality.ts";

const SINGLE_BYTES_UP_TO = 400;

/** What both decoders have in common. */
export interface StreamDecoder<Packet> {
  readonly offset: number;
  readonly buffered: number;
  push(chunk: Uint8Array): void;
  next(): Packet | undefined;
}

export interface Decoding<Packet> extends Decoded<Packet> {
  /** Bytes that were consumed. */
  readonly offset: number;
  /** Bytes that were given when the fault came, or all. */
  readonly given: number;
}

/**
 * Feeds the pieces one after the other.
 * @param faultOf the fault's name; it throws what is none.
 * @param onPacket is told of each packet before the next one is asked for.
 * @param onDrained is told after each piece, when no packet is left.
 */
export function feed<Packet>(
  decoder: StreamDecoder<Packet>,
  pieces: Iterable<Uint8Array>,
  faultOf: (error: unknown) => string,
  onPacket: (packet: Packet) => void,
  onDrained: () => void,
): Decoding<Packet> {
  const packets: Packet[] = [];
  let given = 0;
  try {
    for (const piece of pieces) {
      given += piece.length;
      decoder.push(piece);
      for (let packet = decoder.next(); packet; packet = decoder.next()) {
        packets.push(packet);
        onPacket(packet);
      }
      onDrained();
    }
  } catch (error) {
    return { packets, fault: faultOf(error), offset: decoder.offset, given };
  }
  return { packets, fault: undefined, offset: decoder.offset, given };
}

export function singleBytes(bytes: Uint8Array): Uint8Array[] {
  return Array.from(bytes, (byte) => Uint8Array.of(byte));
}

/** A decoder, the naive one, and the encoder of what they give. */
export interface Decoders<Packet> {
  readonly decode: (pieces: readonly Uint8Array[]) => Decoding<Packet>;
  readonly naive: (bytes: Uint8Array) => Decoded<Packet>;
  readonly encode: (packet: Packet) => Uint8Array;
}

export function checkAgainstNaive<Packet extends { readonly type: string }>(
  input: FuzzInput,
  { decode, naive, encode }: Decoders<Packet>,
  note: Note,
): void {
  const { bytes } = input;
  const expected = naive(bytes);
  const decoded = decode(piecesOf(input));
  note(`${decoded.packets.map(({ type }) => type.slice(0, 3)).slice(0, 6)} ${decoded.fault}`);
  check(decoded.fault === expected.fault, `fault ${decoded.fault}, by the naive decoder ${expected.fault}`);
  check(isSame(decoded.packets, expected.packets), "other packets than the naive decoder's");
  const encoded = concatBytes(decoded.packets.map(encode));
  check(equalBytes(encoded, bytes.subarray(0, decoded.offset)), "encoded anew the packets are other bytes");
  if (bytes.length > SINGLE_BYTES_UP_TO) return;
  const single = decode(singleBytes(bytes));
  check(
    isSame(single.packets, expected.packets) && single.fault === expected.fault,
    "byte by byte it is another stream",
  );
  if (single.fault === undefined) return;
  // Sizes are judged before what they announce comes; other fields at their last byte (spec 1.4.3, 1.5.2).
  const before = naive(bytes.subarray(0, single.given - 1)).fault;
  const then = naive(bytes.subarray(0, single.given)).fault;
  check(then === single.fault, `the fault is judged too early: byte ${single.given - 1}`);
  check(before === undefined, `the fault is judged too late: byte ${single.given - 1}`);
}
