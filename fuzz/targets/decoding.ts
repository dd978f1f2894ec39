import type { Decoded } from "../models/naive-decoder.ts";

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
