import { ByteQueue } from "./byte-queue.ts";
import { ProtocolError } from "./errors.ts";
import { readI64, readU32 } from "./integers.ts";
import { MAX_KNOWN_METHODS, MAX_PAYLOAD_BYTES, MAX_SIGNAL_BYTES } from "./limits.ts";
import { setsSignals } from "./method-list.ts";
import { CIRCUIT_BYTES, CIRCUIT_TOKEN_BYTES, type CircuitPacket } from "./packets/circuit.ts";
import { type HandshakePacket, hasBitPast, methodsOfWord } from "./packets/handshake.ts";
import { HEADER_BYTES, magicFault, PACKET_TYPE, readVersion } from "./packets/header.ts";
import { HEARTBEAT_BYTES, type HeartbeatPacket } from "./packets/heartbeat.ts";
import { RESPONSE_HEAD_BYTES, type ResponsePacket } from "./packets/response.ts";
import { type SignalPacket, signalPayloadBytes, takeSignal } from "./packets/signal.ts";
import { formatVersion, PROTOCOL_VERSION } from "./version.ts";

/** What a client sends. */
export type ClientPacket = HandshakePacket | ResponsePacket | HeartbeatPacket | SignalPacket | CircuitPacket;

/**
 * Which packets may come; whoever drives the decoder moves it on to `heartbeat` (spec 4.7). In a `circuit` none
 * comes any more: its bytes are those of two peers (spec 8.2).
 */
export type ClientPhase = "handshake" | "setup" | "heartbeat" | "circuit";

/** Who judges responses. */
export interface ResponseJudge {
  /**
   * The index and length of a response are read, its payload has yet to come (spec 4.5).
   * @throws ProtocolError where it is refused.
   */
  admitResponse(method: number, length: number): void;
}

export interface ClientPacketDecoderOptions {
  /** Default 1,024 (spec 3.6). */
  readonly maxKnownMethods?: number;
  /** By default a payload over 4,096 bytes is refused. */
  readonly judge?: ResponseJudge;
}

/** Decodes the byte stream from a client to a server, from any split. */
export class ClientPacketDecoder {
  phase: ClientPhase = "handshake";
  /** Whether signals may come: the handshake has set what they need (spec 8.1.1). */
  takesSignals = false;
  readonly #queue = new ByteQueue();
  readonly #maxKnownMethods: number;
  readonly #judge: ResponseJudge;
  #admitted = false;

  constructor(options: ClientPacketDecoderOptions = {}) {
    this.#maxKnownMethods = options.maxKnownMethods ?? MAX_KNOWN_METHODS;
    this.#judge = options.judge ?? SHORT_PAYLOADS;
  }

  /** Bytes of the stream that made up whole packets so far. */
  get offset(): number {
    return this.#queue.offset;
  }

  /** To be called where `next` has given undefined, and the rest of the packet may take its time. */
  trim(): void {
    this.#queue.trim();
  }

  /** Bytes that came and wait for the rest of their packet. */
  get buffered(): number {
    return this.phase === "circuit" ? 0 : this.#queue.length;
  }

  /** What came behind the last packet, and is not to be decoded. */
  takeRest(): Uint8Array {
    const rest = this.#queue.copy(0, this.#queue.length);
    this.#queue.clear();
    return rest;
  }

  push(chunk: Uint8Array): void {
    this.#queue.push(chunk);
  }

  /**
   * The next whole packet, or undefined until more bytes come. To be called until it gives undefined
   * after every push.
   * @throws ProtocolError at the first byte that breaks a rule; the stream is of no use after that.
   */
  next(): ClientPacket | undefined {
    const queue = this.#queue;
    if (queue.length === 0 || this.phase === "circuit") return undefined;
    const { bytes, start, length } = queue;
    if (magicFault(bytes, start, length) >= 0) {
      throw new ProtocolError("malformed", "the packet does not begin with LEKT");
    }
    if (length > 4) this.#checkType(bytes[start + 4] as number);
    if (length > 5 && this.phase === "handshake") this.#checkMajor();
    if (length < HEADER_BYTES) return undefined;
    if (this.phase === "handshake") {
      return bytes[start + 4] === PACKET_TYPE.C ? this.#circuit() : this.#handshake();
    }
    switch (bytes[start + 4]) {
      case PACKET_TYPE.H:
        return this.#heartbeat();
      case PACKET_TYPE.T:
        return this.#response();
      default:
        return this.#signal();
    }
  }

  /**
   * Takes a whole heartbeat that comes next, without making a packet of it: its time stamp tells a server
   * nothing that it needs (spec 5.11).
   * @returns false where something else comes next, or not all of it is there; `next` tells.
   */
  takeHeartbeat(): boolean {
    const { bytes, start, length } = this.#queue;
    if (this.phase !== "heartbeat" || length < HEARTBEAT_BYTES) return false;
    if (bytes[start + 4] !== PACKET_TYPE.H || magicFault(bytes, start, length) >= 0) return false;
    this.#queue.consume(HEARTBEAT_BYTES);
    return true;
  }

  #checkType(type: number): void {
    const { phase } = this;
    if (type === PACKET_TYPE.S && phase === "heartbeat") {
      if (this.takesSignals) return;
      throw new ProtocolError("malformed", "a signal, though the client did not set signal and identity");
    }
    if (type !== PACKET_TYPE.H && type !== PACKET_TYPE.T && type !== PACKET_TYPE.C) {
      throw new ProtocolError("malformed", "a client does not send packets of this type");
    }
    if (phase === "handshake" && type === PACKET_TYPE.T) {
      throw new ProtocolError("malformed", "the first packet must be the handshake (type H)");
    }
    if (phase !== "handshake" && type === PACKET_TYPE.C) {
      throw new ProtocolError("malformed", "a circuit (type C) must be the first packet");
    }
    if (phase === "setup" && type !== PACKET_TYPE.T) {
      throw new ProtocolError(
        "malformed",
        "only responses (type T) may come before the server's request for method 0",
      );
    }
  }

  #checkMajor(): void {
    const { bytes, start, length } = this.#queue;
    if (bytes[start + 5] === PROTOCOL_VERSION.major) return;
    if (length < HEADER_BYTES) return;
    throw new ProtocolError(
      "version",
      `this server speaks ${formatVersion(PROTOCOL_VERSION)}, the client ${formatVersion(readVersion(bytes, start))}`,
    );
  }

  #handshake(): HandshakePacket | undefined {
    const { bytes, start, length } = this.#queue;
    if (length < HEADER_BYTES + 4) return undefined;
    const known = readU32(bytes, start + 8);
    if (known > this.#maxKnownMethods) {
      throw new ProtocolError("limit", `this server takes at most ${this.#maxKnownMethods} known methods`);
    }
    const words = Math.ceil(known / 32);
    const packetBytes = HEADER_BYTES + 4 + 4 * words;
    if (length < packetBytes) return undefined;
    const methods: number[] = [];
    for (let i = 0; i < words; i++) {
      const word = readU32(bytes, start + 12 + 4 * i);
      if (hasBitPast(known, word, i)) {
        throw new ProtocolError("malformed", `a bit past the ${known} known methods is set`);
      }
      for (const method of methodsOfWord(word, i)) methods.push(method);
    }
    const version = readVersion(bytes, start);
    this.#queue.consume(packetBytes);
    this.phase = "setup";
    this.takesSignals = setsSignals(methods);
    return { type: "handshake", version, known, methods };
  }

  #circuit(): CircuitPacket | undefined {
    const { bytes, start, length } = this.#queue;
    if (length < CIRCUIT_BYTES) return undefined;
    const version = readVersion(bytes, start);
    const token = this.#queue.copy(HEADER_BYTES, CIRCUIT_TOKEN_BYTES);
    this.#queue.consume(CIRCUIT_BYTES);
    this.phase = "circuit";
    return { type: "circuit", version, token };
  }

  #response(): ResponsePacket | undefined {
    const { bytes, start, length } = this.#queue;
    if (length < RESPONSE_HEAD_BYTES) return undefined;
    const method = readU32(bytes, start + 8);
    const payloadBytes = readU32(bytes, start + 12);
    if (!this.#admitted) this.#judge.admitResponse(method, payloadBytes);
    this.#admitted = true;
    if (length < RESPONSE_HEAD_BYTES + payloadBytes) return undefined;
    this.#admitted = false;
    const version = readVersion(bytes, start);
    const payload = this.#queue.copy(RESPONSE_HEAD_BYTES, payloadBytes);
    this.#queue.consume(RESPONSE_HEAD_BYTES + payloadBytes);
    return { type: "response", version, method, payload };
  }

  #signal(): SignalPacket | undefined {
    const payloadBytes = signalPayloadBytes(this.#queue);
    if (payloadBytes === undefined) return undefined;
    if (payloadBytes === 0) throw new ProtocolError("malformed", "a signal without a payload");
    if (payloadBytes > MAX_SIGNAL_BYTES) {
      throw new ProtocolError("limit", `a signal is longer than ${MAX_SIGNAL_BYTES} bytes`);
    }
    return takeSignal(this.#queue, payloadBytes);
  }

  #heartbeat(): HeartbeatPacket | undefined {
    const { bytes, start, length } = this.#queue;
    if (length < HEARTBEAT_BYTES) return undefined;
    const version = readVersion(bytes, start);
    const timestamp = readI64(bytes, start + 8);
    this.#queue.consume(HEARTBEAT_BYTES);
    return { type: "heartbeat", version, timestamp };
  }
}

const SHORT_PAYLOADS: ResponseJudge = {
  admitResponse(method, length) {
    if (length <= MAX_PAYLOAD_BYTES) return;
    throw new ProtocolError(
      "limit",
      `the payload of method ${method} is longer than ${MAX_PAYLOAD_BYTES} bytes`,
    );
  },
};
