import type { Decoded } from "@lekt/testkit";
import { LektError, ProtocolError } from "../src/errors.ts";

/** What both decoders have in common. */
export interface StreamDecoder<Packet> {
  push(chunk: Uint8Array): void;
  next(): Packet | undefined;
}

/** @param onPacket is told of each packet before the next one is asked for. */
export function decodePieces<Packet>(
  decoder: StreamDecoder<Packet>,
  pieces: Iterable<Uint8Array>,
  onPacket: (packet: Packet) => void = () => {},
): Decoded<Packet> {
  const packets: Packet[] = [];
  try {
    for (const piece of pieces) {
      decoder.push(piece);
      for (let packet = decoder.next(); packet; packet = decoder.next()) {
        packets.push(packet);
        onPacket(packet);
      }
    }
  } catch (error) {
    return { packets, fault: faultOf(error) };
  }
  return { packets, fault: undefined };
}

/** The word of a ProtocolError, the code of a LektError; anything else is a bug and is thrown on. */
export function faultOf(error: unknown): string {
  if (error instanceof ProtocolError) return error.word;
  if (error instanceof LektError) return error.code;
  throw error;
}

/** `bytes` cut at each of the places; each piece is a copy of its own. */
export function cutAt(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const edges = [0, ...places.map((place) => place % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return edges.slice(1).map((end, i) => new Uint8Array(bytes.subarray(edges[i], end)));
}

export function byteByByte(bytes: Uint8Array): Uint8Array[] {
  return [...bytes].map((byte) => Uint8Array.of(byte));
}
