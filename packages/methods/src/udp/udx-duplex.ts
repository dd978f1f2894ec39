import { Duplex } from "node:stream";
import { LektError } from "@lekt/protocol";
import type { UdxStream } from "udx-native";

/*
 * udx takes in whatever comes, however slowly it is read. So the reader says how much it has taken, in datagrams
 * of the stream, and the writer keeps within a window of it (spec 9.7.8):
 *
 *   0   1 (u8)
 *   1   bytes of the stream that were taken so far (u64)
 *
 * One is sent every other second whatever happens: whose packets stay away is dead.
 */
const REPORT = 1;
const REPORT_BYTES = 9;
/** Of what was sent and not yet taken. Speed times round-trip time: 40 MB/s at 100 ms. */
export const WINDOW_BYTES = 4 * 1_048_576;
const REPORT_EVERY_BYTES = WINDOW_BYTES / 8;
const REPORT_INTERVAL_MS = 2_000;
export const SILENT_REPORTS = 4;
const LINGER_MS = 5_000;
/** A piece below that is copied to its neighbours: as an object of its own it would take many times its bytes. */
const SMALL_BYTES = 1_024;
const BLOCK_BYTES = 16_384;

interface PendingWrite {
  rest: Uint8Array;
  readonly done: (error?: Error | null) => void;
}

export interface UdxDuplexOptions {
  readonly reportIntervalMs?: number;
}

/** A stream of udx as a Duplex of Node.js, with backpressure, half-close, and an end where the peer falls silent. */
export class UdxDuplex extends Duplex {
  readonly #stream: UdxStream;
  readonly #timer: NodeJS.Timeout;
  readonly #received: Buffer[] = [];
  /** For small pieces; what is left of it. */
  #block = Buffer.alloc(0);
  #receivedBytes = 0;
  #wantsMore = false;
  #isDeliveryDue = false;
  #hasPeerEnded = false;
  #takenBytes = 0;
  #reportedBytes = 0;
  #sentBytes = 0;
  /** Of the bytes that were sent, as the peer last reported. */
  #peerTakenBytes = 0;
  #pending: PendingWrite | undefined;
  #finished: ((error?: Error) => void) | undefined;
  /** The peer has all bytes; whether it knows of the end is open. */
  #isDelivered = false;
  #isEndPassedOn = false;
  #isWaitingForDrain = false;
  #packetsSeen = -1;
  #silentReports = 0;

  /** @param stream connected. */
  constructor(stream: UdxStream, options: UdxDuplexOptions = {}) {
    super({ allowHalfOpen: true, readableHighWaterMark: 65_536, writableHighWaterMark: 65_536 });
    this.#stream = stream;
    stream.on("data", (chunk: Buffer) => this.#receive(chunk));
    stream.on("end", () => {
      this.#hasPeerEnded = true;
      this.#deliver();
    });
    stream.on("drain", () => {
      this.#isWaitingForDrain = false;
      this.#pump();
    });
    stream.on("message", (message: Buffer) => this.#receiveReport(message));
    stream.on("error", (error: Error) => this.#break(error.message, error));
    stream.on("close", () => this.#closed());
    this.#timer = setInterval(() => this.#tick(), options.reportIntervalMs ?? REPORT_INTERVAL_MS);
  }

  /** Bytes that came and were not read yet. */
  get waitingBytes(): number {
    return this.#receivedBytes - this.#takenBytes;
  }

  /** Objects that hold them: bounded by the bytes, however small the peer makes its datagrams. */
  get waitingPieces(): number {
    return this.#received.length;
  }

  override _read(): void {
    this.#wantsMore = true;
    this.#deliver();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#pending = { rest: chunk, done };
    this.#pump();
  }

  /** Done when the peer has all of it and knows that it was the end: what is destroyed before may be lost. */
  override _final(done: (error?: Error | null) => void): void {
    this.#finished = done;
    void this.#stream.flush().then((isDelivered) => {
      if (!isDelivered) return;
      this.#isDelivered = true;
      this.#stream.once("finish", () => void this.#stream.flush().then(() => this.#finish()));
      this.#stream.end();
    });
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    clearInterval(this.#timer);
    this.#received.length = 0;
    const pending = this.#pending;
    this.#pending = undefined;
    pending?.done(error ?? pathError("the stream was destroyed"));
    if (error || !this.writableFinished) this.#stream.destroy();
    // As a closed TCP socket: the peer's end may still come, and is no error for it.
    else if (this.#stream.connected) this.#linger();
    done(error);
  }

  #linger(): void {
    const timer = setTimeout(() => this.#stream.destroy(), LINGER_MS);
    this.#stream.once("close", () => clearTimeout(timer));
  }

  #finish(error?: Error): void {
    const done = this.#finished;
    this.#finished = undefined;
    done?.(error);
  }

  #pump(): void {
    while (this.#pending && !this.#isWaitingForDrain && !this.destroyed) {
      const allowance = WINDOW_BYTES - (this.#sentBytes - this.#peerTakenBytes);
      if (allowance === 0) return;
      const { rest, done } = this.#pending;
      const part = rest.subarray(0, allowance);
      this.#sentBytes += part.length;
      this.#isWaitingForDrain = !this.#stream.write(part);
      if (part.length === rest.length) {
        this.#pending = undefined;
        done();
      } else this.#pending.rest = rest.subarray(part.length);
    }
  }

  #receive(chunk: Buffer): void {
    if (this.destroyed) {
      this.#stream.destroy();
      return;
    }
    this.#receivedBytes += chunk.length;
    if (this.waitingBytes > WINDOW_BYTES) {
      this.destroy(pathError(`the peer sent more than the ${WINDOW_BYTES} bytes it may send ahead`));
      return;
    }
    if (!this.#join(chunk)) {
      const piece = chunk.length < SMALL_BYTES ? this.#copied(chunk) : chunk;
      if (piece === chunk || !this.#join(piece)) this.#received.push(piece);
    }
    if (this.#wantsMore) this.#deliverSoon();
  }

  /** @returns whether it is the continuation of the last piece in memory, and now part of it. */
  #join(piece: Buffer): boolean {
    const last = this.#received.at(-1);
    const joined = last && joinNeighbours(last, piece);
    if (joined) this.#received[this.#received.length - 1] = joined;
    return joined !== undefined;
  }

  #copied(piece: Buffer): Buffer {
    if (this.#block.length < piece.length) this.#block = Buffer.allocUnsafeSlow(BLOCK_BYTES);
    const copy = this.#block.subarray(0, piece.length);
    copy.set(piece);
    this.#block = this.#block.subarray(piece.length);
    return copy;
  }

  /** udx gives out each datagram by itself; those that came together are handed on as one. */
  #deliverSoon(): void {
    if (this.#isDeliveryDue) return;
    this.#isDeliveryDue = true;
    setImmediate(() => {
      this.#isDeliveryDue = false;
      if (!this.destroyed) this.#deliver();
    });
  }

  #deliver(): void {
    while (this.#wantsMore) {
      const chunk = this.#received.shift();
      if (!chunk) break;
      this.#takenBytes += chunk.length;
      this.#wantsMore = this.push(chunk);
    }
    if (this.#takenBytes - this.#reportedBytes >= REPORT_EVERY_BYTES) this.#report();
    if (this.#hasPeerEnded && this.#received.length === 0 && !this.#isEndPassedOn) {
      this.#isEndPassedOn = true;
      this.push(null);
    }
  }

  #report(): void {
    if (!this.#stream.connected) return;
    this.#reportedBytes = this.#takenBytes;
    const report = Buffer.alloc(REPORT_BYTES);
    report[0] = REPORT;
    report.writeBigUInt64BE(BigInt(this.#takenBytes), 1);
    this.#stream.trySend(report);
  }

  #receiveReport(message: Buffer): void {
    if (message.length < REPORT_BYTES || message[0] !== REPORT) return;
    const takenBytes = Number(message.readBigUInt64BE(1));
    // Reports may overtake each other.
    if (takenBytes <= this.#peerTakenBytes || takenBytes > this.#sentBytes) return;
    this.#peerTakenBytes = takenBytes;
    this.#pump();
  }

  /** Counts its own turns, not time: a machine that was asleep gives its peer the time to be heard again. */
  #tick(): void {
    this.#report();
    const packets = this.#stream.packetsReceived;
    this.#silentReports = packets === this.#packetsSeen ? this.#silentReports + 1 : 0;
    this.#packetsSeen = packets;
    if (this.#silentReports >= SILENT_REPORTS) this.#break("the peer fell silent");
  }

  /** udx keeps nothing of a stream that ended on both sides: that the peer falls silent then is no fault. */
  #break(reason: string, cause?: Error): void {
    if (this.#isDelivered && this.#hasPeerEnded) {
      this.#stream.destroy();
      this.#finish();
    } else this.destroy(pathError(reason, cause));
  }

  #closed(): void {
    clearInterval(this.#timer);
    if (this.#hasPeerEnded) this.#finish();
    else if (!this.destroyed) this.destroy(pathError("the peer is gone"));
  }
}

/** udx gives out pieces of one buffer in a row: many small ones are kept as one. */
function joinNeighbours(first: Buffer, second: Buffer): Buffer | undefined {
  if (first.buffer !== second.buffer || first.byteOffset + first.length !== second.byteOffset)
    return undefined;
  return Buffer.from(first.buffer, first.byteOffset, first.length + second.length);
}

function pathError(reason: string, cause?: Error): LektError {
  return new LektError("LEKT_PATH", `the path over UDP broke: ${reason}`, cause ? { cause } : {});
}
