import type { Random } from "./random.ts";
import { type PipeProfile, SimulatedPipe } from "./simulated-pipe.ts";
import type { VirtualClock } from "./virtual-clock.ts";

/** What a process wants to know of its socket; as with a real one, nothing is called behind `onClose`. */
export interface SocketHandlers {
  onData(bytes: Uint8Array): void;
  onEnd(): void;
  onWritable(): void;
  /** @param broken whether the connection broke rather than ended. */
  onClose(broken: boolean): void;
}

/** A system that gets no answer to what it sent gives the connection up after so long; real ones take longer. */
export const RETRANSMISSION_MS = 45_000;

/** One end of a simulated TCP connection. */
export class SimulatedSocket {
  /** As long as its process sleeps nothing reaches it. */
  #isAwake = true;
  #handlers: SocketHandlers | undefined;
  readonly #clock: VirtualClock;
  #incoming!: SimulatedPipe;
  #outgoing!: SimulatedPipe;
  #peer!: SimulatedSocket;
  #ended = false;
  #sawEnd = false;
  #destroyed = false;
  #closeIsDue = false;
  #broken = false;
  #writableIsDue = false;
  #closed = false;
  #isGivenUp = false;

  private constructor(clock: VirtualClock) {
    this.#clock = clock;
  }

  /** Two ends; `there` is how bytes go from the first to the second. */
  static pair(
    clock: VirtualClock,
    random: Random,
    there: PipeProfile,
    back: PipeProfile,
  ): readonly [SimulatedSocket, SimulatedSocket] {
    const first = new SimulatedSocket(clock);
    const second = new SimulatedSocket(clock);
    const pipe = (from: SimulatedSocket, to: SimulatedSocket, profile: PipeProfile) =>
      new SimulatedPipe(clock, random, profile, {
        onData: (bytes) => to.#handlers?.onData(bytes),
        onEnd: () => to.#onEnd(),
        onTaken: () => from.#onTaken(),
        onUnwanted: () => clock.in(profile.latencyMs, () => from.reset()),
      });
    const outward = pipe(first, second, there);
    const inward = pipe(second, first, back);
    first.#join(second, outward, inward);
    second.#join(first, inward, outward);
    return [first, second];
  }

  #join(peer: SimulatedSocket, outgoing: SimulatedPipe, incoming: SimulatedPipe): void {
    this.#peer = peer;
    this.#outgoing = outgoing;
    this.#incoming = incoming;
    // Nobody reads before it is opened.
    incoming.isRead = false;
  }

  /** Written, and not taken by the system. */
  get waitingBytes(): number {
    return this.#outgoing.waitingBytes;
  }

  /** Arrived, and not read. */
  get unreadBytes(): number {
    return this.#incoming.arrivedBytes;
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  get incoming(): SimulatedPipe {
    return this.#incoming;
  }

  get outgoing(): SimulatedPipe {
    return this.#outgoing;
  }

  open(handlers: SocketHandlers): void {
    this.#handlers = handlers;
    this.#incoming.isRead = this.#isAwake;
    if (this.#isAwake) this.#incoming.read();
  }

  /** @returns whether the system took all of it; if not, `onWritable` follows. */
  write(bytes: Uint8Array): boolean {
    if (this.#ended || this.#destroyed) return true;
    if ((this.#outgoing.isDead || this.#incoming.isDead) && !this.#isGivenUp) {
      this.#isGivenUp = true;
      this.#clock.in(RETRANSMISSION_MS, () => this.reset());
    }
    return this.#outgoing.write(bytes);
  }

  /** Writes nothing more, and goes on reading. */
  end(): void {
    if (this.#ended || this.#destroyed) return;
    this.#ended = true;
    this.#outgoing.end();
    this.#closeWhereDone();
  }

  /** Ends both directions. What was not handed to the system is lost; unread bytes make it a reset for the other side. */
  destroy(): void {
    if (this.#destroyed) return;
    this.#destroyed = true;
    const { latencyMs } = this.#outgoing.profile;
    if (this.unreadBytes > 0 && !this.#outgoing.isDead) this.#clock.in(latencyMs, () => this.#peer.reset());
    else this.#outgoing.abandon();
    this.#incoming.isRead = false;
    this.#incoming.unwant();
    this.#closeSoon(false);
  }

  /** The connection breaks, as this side sees it. */
  reset(): void {
    if (this.#destroyed || this.#closed) return;
    this.#destroyed = true;
    this.#outgoing.close();
    this.#incoming.isRead = false;
    this.#incoming.unwant();
    this.#closeSoon(true);
  }

  /** The process is gone without having closed anything. */
  forget(): void {
    this.#handlers = undefined;
    this.#closed = true;
    this.#destroyed = true;
    this.#incoming.isRead = false;
  }

  sleep(): void {
    this.#isAwake = false;
    this.#incoming.isRead = false;
  }

  /** The process is told of what happened meanwhile. */
  wake(): void {
    if (this.#isAwake) return;
    this.#isAwake = true;
    if (!this.#handlers) return;
    this.#incoming.isRead = !this.#destroyed;
    this.#incoming.read();
    if (this.#writableIsDue) this.#onTaken();
    if (this.#closeIsDue) this.#close();
  }

  #onEnd(): void {
    this.#sawEnd = true;
    this.#handlers?.onEnd();
    this.#closeWhereDone();
  }

  #onTaken(): void {
    if (this.#destroyed || this.#closed) return;
    this.#writableIsDue = !this.#isAwake;
    if (!this.#isAwake) return;
    this.#handlers?.onWritable();
    this.#closeWhereDone();
  }

  #closeWhereDone(): void {
    if (this.#sawEnd && this.#ended && this.waitingBytes === 0) this.#closeSoon(false);
  }

  #closeSoon(broken: boolean): void {
    if (this.#closeIsDue) return;
    this.#closeIsDue = true;
    this.#broken = broken;
    this.#clock.in(0, () => {
      if (this.#isAwake) this.#close();
    });
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#destroyed = true;
    this.#handlers?.onClose(this.#broken);
  }
}
