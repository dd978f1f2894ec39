import { ByteQueue } from "./byte-queue.ts";
import { LektError } from "./errors.ts";
import { readI64, readU32 } from "./integers.ts";
import { MAX_OBJECT_BYTES, MAX_REJECT_BYTES, MAX_SIGNAL_BYTES } from "./limits.ts";
import { METHOD } from "./method-list.ts";
import type { AcceptPacket } from "./packets/accept.ts";
import { decodeClientObject, OBJECT_MIN_SIZE, OBJECT_SIZE_BYTES } from "./packets/client-object.ts";
import { HEADER_BYTES, magicFault, PACKET_TYPE, readVersion } from "./packets/header.ts";
import { type RejectPacket, rejectWord } from "./packets/reject.ts";
import { REQUEST_BYTES, type RequestPacket } from "./packets/request.ts";
import { type SignalPacket, signalPayloadBytes, takeSignal } from "./packets/signal.ts";
import {
  type AddedClient,
  type AddedPacket,
  MAX_UPDATE_COUNT,
  type RemovedAddress,
  type RemovedPacket,
  UPDATE_HEAD_BYTES,
  UPDATE_KIND,
} from "./packets/update.ts";
import { decodeUtf8 } from "./utf8.ts";
import { formatVersion, PROTOCOL_VERSION } from "./version.ts";

/**
 * What a server sends. An update comes in pieces, its head and then each client or address, so that
 * its length needs no bound.
 */
export type ServerPacket =
  | AcceptPacket
  | RejectPacket
  | RequestPacket
  | AddedPacket
  | AddedClient
  | RemovedPacket
  | RemovedAddress
  | SignalPacket;

/** Which packets may come; the request for method 0 moves the decoder on to `heartbeat` (spec 4.7). */
export type ServerPhase = "handshake" | "setup" | "heartbeat";

const TYPES_OF_PHASE: Record<ServerPhase, readonly number[]> = {
  handshake: [PACKET_TYPE.A, PACKET_TYPE.R],
  setup: [PACKET_TYPE.T, PACKET_TYPE.R],
  heartbeat: [PACKET_TYPE.H, PACKET_TYPE.R],
};

export interface ServerPacketDecoderOptions {
  /** Size of the largest client object taken, in bytes. Default 65,536. */
  readonly maxObjectBytes?: number;
}

/** Decodes the byte stream from a server to a client, from any split. */
export class ServerPacketDecoder {
  phase: ServerPhase = "handshake";
  /** Whether signals may come: the server has asked for `signal` (spec 8.1.1). */
  takesSignals = false;
  readonly #queue = new ByteQueue();
  readonly #maxObjectBytes: number;
  /** How many clients or addresses of the current update are still to come. */
  #remaining = 0;
  #kind: "added" | "removed" = "added";
  /** How much of a Reject's message has been searched for its NUL. */
  #searched = 0;

  constructor(options: ServerPacketDecoderOptions = {}) {
    this.#maxObjectBytes = options.maxObjectBytes ?? MAX_OBJECT_BYTES;
  }

  /** Bytes of the stream that made up whole packets (or pieces of updates) so far. */
  get offset(): number {
    return this.#queue.offset;
  }

  /** Bytes that came and wait for the rest of their packet. */
  get buffered(): number {
    return this.#queue.length;
  }

  /** Whether the stream stands inside a packet: an end here cuts it off. */
  get insidePacket(): boolean {
    return this.#remaining > 0 || this.buffered > 0;
  }

  push(chunk: Uint8Array): void {
    this.#queue.push(chunk);
  }

  /**
   * The next whole packet or piece of an update, or undefined until more bytes come. To be called until
   * it gives undefined after every push.
   * @throws LektError `LEKT_NOT_LEKT` where the stream does not begin like LEKT, `LEKT_VERSION` where the
   * server accepts with another major version, `LEKT_PROTOCOL` where a later byte breaks a rule.
   */
  next(): ServerPacket | undefined {
    if (this.#remaining > 0) return this.#kind === "added" ? this.#client() : this.#address();
    const { bytes, start, length } = this.#queue;
    if (length === 0) return undefined;
    const first = this.phase === "handshake";
    if (magicFault(bytes, start, length) >= 0)
      throw first ? notLekt() : broken("a packet does not begin with LEKT");
    if (length > 4 && !this.#mayCome(bytes[start + 4] as number)) {
      throw first ? notLekt() : broken(`a packet of this type may not come in the ${this.phase} phase`);
    }
    if (length < HEADER_BYTES) return undefined;
    switch (bytes[start + 4]) {
      case PACKET_TYPE.A:
        return this.#accept();
      case PACKET_TYPE.R:
        return this.#reject();
      case PACKET_TYPE.T:
        return this.#request();
      case PACKET_TYPE.S:
        return this.#signal();
      default:
        return this.#update();
    }
  }

  #mayCome(type: number): boolean {
    if (type === PACKET_TYPE.S) return this.phase === "heartbeat" && this.takesSignals;
    return TYPES_OF_PHASE[this.phase].includes(type);
  }

  #accept(): AcceptPacket {
    const version = readVersion(this.#queue.bytes, this.#queue.start);
    if (version.major !== PROTOCOL_VERSION.major) {
      throw new LektError(
        "LEKT_VERSION",
        `The server speaks LEKT ${formatVersion(version)}, this client ${formatVersion(PROTOCOL_VERSION)}.`,
      );
    }
    this.#queue.consume(HEADER_BYTES);
    this.phase = "setup";
    return { type: "accept", version };
  }

  #reject(): RejectPacket | undefined {
    const { bytes, start, length } = this.#queue;
    const limit = Math.min(length, HEADER_BYTES + MAX_REJECT_BYTES);
    let end = HEADER_BYTES + this.#searched;
    while (end < limit && bytes[start + end] !== 0) end++;
    if (end === limit) {
      if (end === HEADER_BYTES + MAX_REJECT_BYTES)
        throw broken(`a Reject is longer than ${MAX_REJECT_BYTES} bytes`);
      this.#searched = end - HEADER_BYTES;
      return undefined;
    }
    const message = decodeUtf8(bytes.subarray(start + HEADER_BYTES, start + end));
    if (message === undefined) throw broken("the message of a Reject is not UTF-8");
    const version = readVersion(bytes, start);
    this.#queue.consume(end + 1);
    this.#searched = 0;
    return { type: "reject", version, message, word: rejectWord(message) };
  }

  #request(): RequestPacket | undefined {
    const { bytes, start, length } = this.#queue;
    if (length < REQUEST_BYTES) return undefined;
    const version = readVersion(bytes, start);
    const method = readU32(bytes, start + 8);
    this.#queue.consume(REQUEST_BYTES);
    if (method === 0) this.phase = "heartbeat";
    if (method === METHOD.signal) this.takesSignals = true;
    return { type: "request", version, method };
  }

  #signal(): SignalPacket | undefined {
    const payloadBytes = signalPayloadBytes(this.#queue);
    if (payloadBytes === undefined) return undefined;
    if (payloadBytes > MAX_SIGNAL_BYTES) throw broken(`a signal is longer than ${MAX_SIGNAL_BYTES} bytes`);
    return takeSignal(this.#queue, payloadBytes);
  }

  #update(): AddedPacket | RemovedPacket | undefined {
    const { bytes, start, length } = this.#queue;
    if (length > 16) {
      const kind = bytes[start + 16];
      if (kind !== UPDATE_KIND.added && kind !== UPDATE_KIND.removed) {
        throw broken("an update neither adds (A) nor removes (R) clients");
      }
    }
    if (length < UPDATE_HEAD_BYTES) return undefined;
    const version = readVersion(bytes, start);
    const timestamp = readI64(bytes, start + 8);
    const count = readU32(bytes, start + 16) & MAX_UPDATE_COUNT;
    const type = bytes[start + 16] === UPDATE_KIND.added ? "added" : "removed";
    this.#queue.consume(UPDATE_HEAD_BYTES);
    this.#kind = type;
    this.#remaining = count;
    return { type, version, timestamp, count };
  }

  #client(): AddedClient | undefined {
    const { bytes, start, length } = this.#queue;
    if (length < OBJECT_SIZE_BYTES) return undefined;
    const size = readU32(bytes, start);
    if (size < OBJECT_MIN_SIZE) throw broken("a client object is too short for its IP");
    if (size > this.#maxObjectBytes) {
      throw broken(`a client object of ${size} bytes is larger than ${this.#maxObjectBytes} bytes`);
    }
    if (length < OBJECT_SIZE_BYTES + size) return undefined;
    const object = decodeClientObject(bytes, start + OBJECT_SIZE_BYTES, size);
    if ("why" in object) throw broken(`a client object is malformed: ${object.why}`);
    this.#queue.consume(OBJECT_SIZE_BYTES + size);
    this.#remaining--;
    return { type: "client", object };
  }

  #address(): RemovedAddress | undefined {
    const { bytes, start, length } = this.#queue;
    if (length < 4) return undefined;
    const ip = readU32(bytes, start);
    this.#queue.consume(4);
    this.#remaining--;
    return { type: "address", ip };
  }
}

function notLekt(): LektError {
  return new LektError("LEKT_NOT_LEKT", "What answers there does not speak LEKT.");
}

function broken(why: string): LektError {
  return new LektError("LEKT_PROTOCOL", `The server broke the protocol: ${why}.`);
}
