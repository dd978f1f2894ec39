import type { Random } from "./random.ts";
import type { Appointment, VirtualClock } from "./virtual-clock.ts";

/** How one direction of a connection behaves. */
export interface PipeProfile {
  readonly latencyMs: number;
  readonly jitterMs: number;
  /** So much is taken from the writer and not read yet, at the most: what the systems of both sides keep. */
  readonly windowBytes: number;
  /** How what is written is cut; what arrives together may still be read together. */
  readonly pieces: "whole" | "any" | "bytes";
  /** The reader takes so many bytes a second; infinite: all there is. */
  readonly readBytesPerSecond: number;
}

/** What the two ends of a pipe want to be told. */
export interface PipeEnds {
  onData(bytes: Uint8Array): void;
  /** The writer's end has come through. */
  onEnd(): void;
  /** All that waited in the writer's process was taken. */
  onTaken(): void;
  /** Something arrived for a reader that is gone. */
  onUnwanted(): void;
}

/** `undefined`: the end of the stream. */
interface Piece {
  readonly bytes: Uint8Array | undefined;
  readonly arrivesMs: number;
}

const LARGEST_PIECE_BYTES = 1_460;

/** One direction of a simulated connection: bytes come in order, late, in any pieces, or never. */
export class SimulatedPipe {
  /** Nothing comes through any more, and nobody is told. */
  isDead = false;
  /** Whether the reader's process reads. */
  isRead = true;
  profile: PipeProfile;
  /** Bytes that were taken from the writer's process so far. */
  takenBytes = 0;
  readonly #clock: VirtualClock;
  readonly #random: Random;
  readonly #ends: PipeEnds;
  /** In the writer's process: the window has no room for them. */
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #flight: Piece[] = [];
  /** In the reader's system. */
  #arrived: (Uint8Array | undefined)[] = [];
  #arrivedBytes = 0;
  #windowUsed = 0;
  #lastArrivalMs = 0;
  #stalledUntilMs = 0;
  #isEnded = false;
  #endIsSent = false;
  #isUnwanted = false;
  #isClosed = false;
  #pump: Appointment | undefined;
  #nextReadMs = 0;
  #nextRead: Appointment | undefined;

  constructor(clock: VirtualClock, random: Random, profile: PipeProfile, ends: PipeEnds) {
    this.#clock = clock;
    this.#random = random;
    this.profile = profile;
    this.#ends = ends;
  }

  /** Bytes in the writer's process. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** Bytes that came and were not read. */
  get arrivedBytes(): number {
    return this.#arrivedBytes;
  }

  /** Whether the end of the stream is on its way, behind all that was written. */
  get endIsSent(): boolean {
    return this.#endIsSent;
  }

  /** @returns whether all was taken at once. */
  write(bytes: Uint8Array): boolean {
    if (bytes.length > 0 && !this.#isEnded && !this.#isClosed) {
      this.#waiting.push(bytes);
      this.#waitingBytes += bytes.length;
      this.#send();
    }
    return this.#waitingBytes === 0;
  }

  end(): void {
    this.#isEnded = true;
    this.#send();
  }

  /** The writer's process is gone: what it has not handed over is lost. */
  abandon(): void {
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.end();
  }

  /** The reader is gone: what comes from now on is answered by a reset. */
  unwant(): void {
    this.#isUnwanted = true;
  }

  /** Nothing of it is left. */
  close(): void {
    this.#isClosed = true;
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#flight = [];
    this.#arrived = [];
    this.#arrivedBytes = 0;
  }

  /** Nothing arrives for so long. */
  stall(ms: number): void {
    this.#stalledUntilMs = Math.max(this.#stalledUntilMs, this.#clock.nowMs + ms);
    if (this.#pump) this.#pump.isOff = true;
    this.#pump = undefined;
    this.#schedule();
  }

  /** The reader looks whether there is something. */
  read(): void {
    while (this.isRead && !this.#isClosed && this.#arrived.length > 0) {
      if (this.#clock.nowMs < this.#nextReadMs) {
        this.#readLater();
        return;
      }
      this.#readOnce();
    }
  }

  #readOnce(): void {
    const first = this.#arrived.shift();
    if (!first) {
      this.#ends.onEnd();
      return;
    }
    const bytes = this.#readable(first);
    this.#arrivedBytes -= bytes.length;
    this.#release(bytes.length);
    this.#nextReadMs = this.#clock.nowMs + (1_000 * bytes.length) / this.profile.readBytesPerSecond;
    this.#ends.onData(bytes);
  }

  /** What one read gets: a slow reader little, another one what came together, or each piece. */
  #readable(first: Uint8Array): Uint8Array {
    const { readBytesPerSecond, pieces } = this.profile;
    const most = Math.max(1, Math.ceil(readBytesPerSecond / 10));
    if (first.length > most) {
      this.#arrived.unshift(first.subarray(most));
      return first.subarray(0, most);
    }
    if (pieces === "bytes" || readBytesPerSecond < Number.POSITIVE_INFINITY) return first;
    if (!this.#arrived[0] || this.#random.oneIn(3)) return first;
    const together = [first];
    for (let next = this.#arrived[0]; next; next = this.#arrived[0]) {
      together.push(next);
      this.#arrived.shift();
    }
    return Buffer.concat(together);
  }

  #readLater(): void {
    if (this.#nextRead) return;
    this.#nextRead = this.#clock.at(this.#nextReadMs, () => {
      this.#nextRead = undefined;
      this.read();
    });
  }

  /** The writer learns later that there is room again. */
  #release(bytes: number): void {
    if (this.#waitingBytes === 0) {
      this.#windowUsed -= bytes;
      return;
    }
    this.#clock.in(this.profile.latencyMs, () => {
      this.#windowUsed -= bytes;
      if (this.isDead || this.#isClosed || this.#waitingBytes === 0) return;
      this.#send();
      if (this.#waitingBytes === 0) this.#ends.onTaken();
    });
  }

  #send(): void {
    if (this.#isClosed) return;
    for (let room = this.profile.windowBytes - this.#windowUsed; room > 0; ) {
      const bytes = this.#waiting[0];
      if (!bytes) break;
      const taken = bytes.subarray(0, Math.min(room, this.#pieceBytes(bytes.length)));
      if (taken.length === bytes.length) this.#waiting.shift();
      else this.#waiting[0] = bytes.subarray(taken.length);
      this.#waitingBytes -= taken.length;
      this.#windowUsed += taken.length;
      this.takenBytes += taken.length;
      room -= taken.length;
      this.#fly(taken);
    }
    if (this.#isEnded && this.#waitingBytes === 0 && !this.#endIsSent) {
      this.#endIsSent = true;
      this.#fly(undefined);
    }
    this.#schedule();
  }

  #pieceBytes(bytes: number): number {
    switch (this.profile.pieces) {
      case "whole":
        return bytes;
      case "any":
        return bytes > 20 * LARGEST_PIECE_BYTES ? bytes : 1 + this.#random.below(LARGEST_PIECE_BYTES);
      case "bytes":
        return bytes > 512 ? 64 : 1;
    }
  }

  #fly(bytes: Uint8Array | undefined): void {
    // The writer's system takes it, and nobody ever has it.
    if (this.isDead) return;
    const { latencyMs, jitterMs } = this.profile;
    const delayMs = latencyMs + (jitterMs > 0 ? this.#random.below(jitterMs + 1) : 0);
    this.#lastArrivalMs = Math.max(this.#lastArrivalMs, this.#clock.nowMs + delayMs);
    this.#flight.push({ bytes, arrivesMs: this.#lastArrivalMs });
  }

  #schedule(): void {
    const first = this.#flight[0];
    if (!first || this.#pump) return;
    this.#pump = this.#clock.at(Math.max(first.arrivesMs, this.#stalledUntilMs), () => {
      this.#pump = undefined;
      this.#arrive();
    });
  }

  #arrive(): void {
    if (this.isDead || this.#isClosed) return;
    let arrived = 0;
    for (const piece of this.#flight) {
      if (piece.arrivesMs > this.#clock.nowMs) break;
      arrived++;
      if (this.#isUnwanted) continue;
      this.#arrived.push(piece.bytes);
      this.#arrivedBytes += piece.bytes?.length ?? 0;
    }
    const pieces = this.#flight.splice(0, arrived);
    if (this.#isUnwanted) {
      if (pieces.some(({ bytes }) => bytes)) this.#ends.onUnwanted();
    } else this.read();
    this.#schedule();
  }
}
