import {
  type ClientPacket,
  ClientPacketDecoder,
  LektError,
  ProtocolError,
  type ServerPacket,
  ServerPacketDecoder,
} from "@lekt/protocol";
import { InputFault } from "./input-fault.ts";
import { FaultFinder, type PacketFault, type PlacedPacket } from "./packet-faults.ts";
import type { Direction, StreamKind } from "./stream-kind.ts";

/** A packet of one direction, judged. */
export interface LocatedPacket extends PlacedPacket {
  readonly direction: Direction;
  /** What is wrong in it, though its frame is whole. */
  readonly fault: PacketFault | undefined;
}

const TYPE_H = 0x48;
const TYPE_S = 0x53;
/** Where the type byte stands in a packet. */
const TYPE_AT = 4;

/**
 * Runs the protocol's decoder over one direction of a connection. Bytes are fed one by one, so that a
 * fault is known to the byte.
 */
export class PacketReader {
  readonly #direction: Direction;
  readonly #decoder: ClientPacketDecoder | ServerPacketDecoder;
  readonly #faults: FaultFinder;
  #fed = 0;
  /** Where the packet begins that the stream stands in; an update's pieces belong to its head. */
  #packetStart = 0;

  constructor(kind: StreamKind) {
    this.#direction = kind.direction;
    this.#decoder = kind.direction === "client" ? new ClientPacketDecoder() : new ServerPacketDecoder();
    this.#decoder.phase = kind.phase;
    // Where the handshake is not seen, nobody knows what it set.
    this.#decoder.takesSignals = kind.phase !== "handshake";
    this.#faults = new FaultFinder(kind.phase);
  }

  *read(bytes: Uint8Array): Generator<LocatedPacket> {
    for (let at = 0; at < bytes.length; at++) {
      this.#decoder.push(bytes.subarray(at, at + 1));
      this.#leaveSetup(bytes[at] as number);
      this.#fed++;
      for (let packet = this.#next(); packet; packet = this.#next()) yield packet;
    }
  }

  /** @throws InputFault where the stream ends inside a packet. */
  end(): void {
    const decoder = this.#decoder;
    if (this.#fed === 0) throw new InputFault(0, "the input is empty");
    const cutOff = decoder instanceof ServerPacketDecoder ? decoder.insidePacket : decoder.buffered > 0;
    if (!cutOff) return;
    throw new InputFault(
      this.#fed,
      `the input ends inside the packet that begins at byte ${this.#packetStart}`,
    );
  }

  /** A client's own bytes do not tell when its setup ends: its first heartbeat or signal does (spec 4.7, 8.1.1). */
  #leaveSetup(byte: number): void {
    const decoder = this.#decoder;
    if (decoder instanceof ServerPacketDecoder || decoder.phase !== "setup") return;
    if (decoder.buffered !== TYPE_AT + 1) return;
    if (byte === TYPE_H || (byte === TYPE_S && decoder.takesSignals)) decoder.phase = "heartbeat";
  }

  #next(): LocatedPacket | undefined {
    const offset = this.#decoder.offset;
    const packet = this.#decode();
    if (!packet) return undefined;
    const byteCount = this.#decoder.offset - offset;
    if (!(this.#decoder instanceof ServerPacketDecoder) || !this.#decoder.insidePacket) {
      this.#packetStart = offset + byteCount;
    } else if (packet.type === "added" || packet.type === "removed") this.#packetStart = offset;
    const located = { direction: this.#direction, offset, byteCount, packet };
    return { ...located, fault: this.#faults.find(located) };
  }

  #decode(): ClientPacket | ServerPacket | undefined {
    try {
      return this.#decoder.next();
    } catch (error) {
      const at = this.#fed - 1;
      if (error instanceof ProtocolError) throw new InputFault(at, error.message, error.word);
      if (error instanceof LektError) throw new InputFault(at, lowerFirst(error.message), error.code);
      throw error;
    }
  }
}

function lowerFirst(sentence: string): string {
  return sentence.charAt(0).toLowerCase() + sentence.slice(1);
}
