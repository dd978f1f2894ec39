import { Duplex } from "node:stream";
import { END_FRAME, FrameDecoder, frameHead, LektError, MAX_FRAME_BYTES, PULSE_FRAME } from "@lekt/protocol";
import { pathError } from "./path-guard.ts";

/** Whoever sent nothing for so long sends a pulse (spec 9.10.3). */
const PULSE_INTERVAL_MS = 2_000;
/** So many intervals without a byte: the path is dead (spec 9.10.6). */
export const SILENT_INTERVALS = 5;
/** How long TLS may take to end, once both directions have. */
const LINGER_MS = 5_000;
const HIGH_WATER_MARK_BYTES = 65_536;

interface Part {
  readonly chunk: Buffer;
}

/**
 * A stream of the application in frames with a pulse (spec 9.10): a path that died is noticed, whether anything was
 * to be sent or not, as long as there is room for what comes.
 */
export class PulsedStream extends Duplex {
  readonly #tls: Duplex;
  readonly #decoder = new FrameDecoder();
  readonly #timer: NodeJS.Timeout;
  #hasSent = false;
  #hasHeard = false;
  #silentIntervals = 0;
  #hasEndPassed = false;
  #hasEndSent = false;
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
    tls.once("end", () => this.#brokeOff(new LektError("LEKT_PATH", "The path to the peer was cut off.")));
    tls.on("error", (error) => this.#brokeOff(pathError(error)));
    tls.once("close", () => this.#brokeOff(pathError(new Error("it was closed"))));
    tls.resume();
    this.#timer = setInterval(() => this.#tick(), intervalMs);
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

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    clearInterval(this.#timer);
    if (!this.#isOver) this.#tls.destroy();
    this.#goOn(error ?? pathError(new Error("it was closed")));
    done(error);
  }

  /** Both directions have ended: how the path ends is of no interest any more. */
  get #isOver(): boolean {
    return this.#decoder.hasEnded && this.#hasEndSent;
  }

  #goOn(error?: Error): void {
    const written = this.#written;
    this.#written = undefined;
    written?.(error);
  }

  #receive(bytes: Buffer): void {
    this.#hasHeard = true;
    if (this.destroyed || this.#isOver) return;
    let hasRoom = true;
    const fault = this.#decoder.decode(bytes, (part) => {
      hasRoom = this.push(part);
    });
    if (fault) this.destroy(new LektError("LEKT_PATH", `The peer broke the protocol: ${fault}.`));
    else if (this.#decoder.hasEnded) this.#passEnd();
    else if (!hasRoom) this.#tls.pause();
  }

  #passEnd(): void {
    if (this.#hasEndPassed) return;
    this.#hasEndPassed = true;
    this.push(null);
    if (this.#isOver) this.#endTls();
  }

  /** Counts its own turns, not time: a machine that was asleep gives its peer the time to be heard again. */
  #tick(): void {
    const tls = this.#tls;
    // Where something still waits to be sent, the peer hears it, or does not read.
    if (!this.#hasSent && !tls.writableNeedDrain) tls.write(PULSE_FRAME);
    this.#hasSent = false;
    const isSilent = !this.#hasHeard && !tls.isPaused();
    this.#hasHeard = false;
    this.#silentIntervals = isSilent ? this.#silentIntervals + 1 : 0;
    if (this.#silentIntervals < SILENT_INTERVALS) return;
    this.#brokeOff(pathError(new Error("nothing comes from the peer any more")));
  }

  #brokeOff(error: LektError): void {
    if (!this.#isOver) this.destroy(error);
  }

  /** In order, so that the end is not lost by a reset; what still comes are pulses. */
  #endTls(): void {
    const tls = this.#tls;
    clearInterval(this.#timer);
    const timer = setTimeout(() => tls.destroy(), LINGER_MS);
    tls.once("close", () => clearTimeout(timer));
    tls.resume();
    tls.end();
  }
}
