import { Duplex } from "node:stream";
import { END_FRAME, FrameDecoder, frameHead, LektError, MAX_FRAME_BYTES, PULSE_FRAME } from "@lekt/protocol";
import { pathError } from "./path-guard.ts";

/** Whoever sent nothing for so long sends a pulse (spec 9.10.3). */
const PULSE_INTERVAL_MS = 2_000;
/** So many whole intervals without a byte, 8 to 10 s: the path is dead (spec 9.10.6). */
export const SILENT_INTERVALS = 4;
/** Also where the platform's own is larger: what nobody reads may come in very small pieces, each an object. */
const HIGH_WATER_MARK_BYTES = 16_384;

interface Part {
  readonly chunk: Buffer;
}

/**
 * A stream of the application in frames with a pulse (spec 9.10): a path that died is noticed, whether anything was
 * to be sent or not, as long as there is room for what comes. Its `close` without an error says that the peer has got
 * everything: only who knows both ends ends TLS.
 */
export class PulsedStream extends Duplex {
  readonly #tls: Duplex;
  readonly #decoder = new FrameDecoder();
  readonly #timer: NodeJS.Timeout;
  #hasSent = false;
  #hasHeard = false;
  #silentIntervals = 0;
  #hasEndSent = false;
  #hasTlsEnded = false;
  /** Of TLS. */
  #failure: LektError | undefined;
  /** Of a write that waits until there is room. */
  #written: ((error?: Error) => void) | undefined;

  /** @param tls its preambles are through. */
  constructor(tls: Duplex, intervalMs = PULSE_INTERVAL_MS) {
    super({ allowHalfOpen: true, highWaterMark: HIGH_WATER_MARK_BYTES });
    this.#tls = tls;
    // Until somebody listens, as with the stream of TLS itself.
    this.on("error", () => {});
    tls.on("data", (bytes: Buffer) => this.#receive(bytes));
    tls.on("drain", () => this.#goOn());
    tls.once("end", () => this.#tlsEnded());
    tls.on("error", (error) => this.#fail(pathError(error)));
    tls.once("close", () => {
      clearInterval(this.#timer);
      this.#fail(pathError(new Error("it was closed")));
    });
    tls.resume();
    this.#timer = setInterval(() => this.#tick(), intervalMs);
    // It may have come right behind the preamble.
    if (tls.readableEnded) this.#tlsEnded();
  }

  override _read(): void {
    this.#tls.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this._writev([{ chunk }], done);
  }

  override _writev(parts: readonly Part[], done: (error?: Error | null) => void): void {
    const tls = this.#tls;
    this.#hasSent = true;
    tls.cork();
    for (const { chunk } of parts) {
      for (let at = 0; at < chunk.length; at += MAX_FRAME_BYTES) {
        const bytes = chunk.subarray(at, at + MAX_FRAME_BYTES);
        tls.write(frameHead(bytes.length));
        tls.write(bytes);
      }
    }
    tls.uncork();
    if (tls.writableNeedDrain) this.#written = done;
    else done();
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#hasEndSent = true;
    this.#tls.write(END_FRAME, done);
    if (this.#isOver) this.#endTls();
  }

  /** Where both directions have ended, waits until the peer knows it, too. */
  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    const tls = this.#tls;
    this.#goOn(error ?? pathError(new Error("it was closed")));
    if (error || !this.#isOver || tls.closed) {
      tls.destroy();
      done(error ?? this.#loss);
    } else tls.once("close", () => done(this.#loss));
  }

  /** Both directions have ended, as far as this side knows. */
  get #isOver(): boolean {
    return this.#decoder.hasEnded && this.#hasEndSent;
  }

  /** Why the peer may not have got everything though this side has ended. */
  get #loss(): LektError | null {
    return (this.#isOver && !this.#hasTlsEnded && this.#failure) || null;
  }

  #goOn(error?: Error): void {
    const written = this.#written;
    this.#written = undefined;
    written?.(error);
  }

  #receive(bytes: Buffer): void {
    this.#hasHeard = true;
    if (this.destroyed || this.#isOver) return;
    const hadEnded = this.#decoder.hasEnded;
    const parts: Uint8Array[] = [];
    const fault = this.#decoder.decode(bytes, (part) => parts.push(part));
    if (fault) {
      this.destroy(new LektError("LEKT_PATH", `The peer broke the protocol: ${fault}.`));
      return;
    }
    // Many small frames are kept as one piece.
    const hasRoom = parts.length === 0 || this.push(parts.length === 1 ? parts[0] : Buffer.concat(parts));
    if (this.#decoder.hasEnded && !hadEnded) {
      this.push(null);
      if (this.#isOver) this.#endTls();
    } else if (!hasRoom) this.#tls.pause();
  }

  /** Counts its own turns, not time: a machine that was asleep gives its peer the time to be heard again. */
  #tick(): void {
    const tls = this.#tls;
    // Where something still waits to be sent, the peer hears it, or does not read.
    if (!this.#hasSent && !tls.writableEnded && !tls.writableNeedDrain) tls.write(PULSE_FRAME);
    this.#hasSent = false;
    const isSilent = !this.#hasHeard && !tls.isPaused();
    this.#hasHeard = false;
    this.#silentIntervals = isSilent ? this.#silentIntervals + 1 : 0;
    if (this.#silentIntervals < SILENT_INTERVALS) return;
    this.#fail(pathError(new Error("nothing comes from the peer any more")));
    tls.destroy();
  }

  #tlsEnded(): void {
    if (this.#isOver) this.#hasTlsEnded = true;
    else this.#fail(new LektError("LEKT_PATH", "The path to the peer was cut off."));
  }

  /** What has come to its end on both sides is read to its end, and fails then. */
  #fail(error: LektError): void {
    this.#failure ??= error;
    if (!this.#isOver) this.destroy(error);
  }

  /** The peer sends pulses until it knows the end of this direction, and ends TLS then. */
  #endTls(): void {
    this.#tls.resume();
    this.#tls.end();
  }
}
