import type { Endpoint } from "@lekt/protocol";
import type UDX from "udx-native";
import { Punch, type PunchEffect, type PunchOptions } from "./punch.ts";
import { UdpSocket } from "./udp-socket.ts";

/** The accepting side confirms again for so long, as its first confirmation may be lost. */
const LINGER_MS = 3_000;

export interface PunchedHole {
  readonly socket: UdpSocket;
  readonly remote: Endpoint;
}

/** A `Punch` with sockets and a timer. It ends by `stop`, or by itself when the peer needs no more answers. */
export class PunchRun {
  readonly #udx: UDX;
  readonly #punch: Punch;
  readonly #sockets: (UdpSocket | undefined)[];
  readonly #listeners = new Map<UdpSocket, (from: Endpoint, datagram: Uint8Array) => void>();
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;
  #resolve: (hole: PunchedHole | undefined) => void = () => {};
  #end: () => void = () => {};
  /** Undefined where no packet came through in time, or `stop` was called. */
  readonly hole: Promise<PunchedHole | undefined>;
  /** Nothing of it is left but the stream. */
  readonly over: Promise<void>;

  /** @param main stays the caller's; further ones are closed here, but for the one in the hole. */
  constructor(udx: UDX, main: UdpSocket, options: PunchOptions) {
    this.#udx = udx;
    this.#punch = new Punch(options);
    this.#sockets = [main];
    this.hole = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    this.over = new Promise((resolve) => {
      this.#end = resolve;
    });
    this.#listen(main, 0);
    this.#advance();
  }

  get hasHeard(): boolean {
    return this.#punch.hasHeard;
  }

  get usesManySockets(): boolean {
    return this.#punch.usesManySockets;
  }

  /** The peer, which dials, has sent its first probes. */
  peerBegan(): void {
    this.#punch.peerBegan(performance.now());
    this.#schedule();
  }

  /** Closes the further sockets; one with a stream on it when the stream is gone. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#isStopped = true;
    this.#resolve(undefined);
    for (const socket of this.#listeners.keys()) this.#leave(socket);
    this.#end();
  }

  #advance(): void {
    this.#carryOut(this.#punch.advance(performance.now()));
  }

  #listen(socket: UdpSocket, index: number): void {
    const listener = (from: Endpoint, datagram: Uint8Array) =>
      this.#carryOut(this.#punch.receive(performance.now(), index, from, datagram));
    this.#listeners.set(socket, listener);
    socket.listen(listener);
  }

  #carryOut(effects: readonly PunchEffect[]): void {
    for (const effect of effects) {
      if (effect.type === "send") this.#socket(effect.socket)?.send(effect.to, effect.bytes, effect);
      else if (effect.type === "gave-up") this.stop();
      else this.#opened(effect.socket, effect.remote);
    }
    this.#schedule();
  }

  #opened(index: number, remote: Endpoint): void {
    const hole = this.#sockets[index] as UdpSocket;
    for (const socket of this.#listeners.keys()) if (socket !== hole) this.#leave(socket);
    this.#resolve({ socket: hole, remote });
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.stop(), LINGER_MS);
  }

  #schedule(): void {
    const { nextMs } = this.#punch;
    if (nextMs === Number.POSITIVE_INFINITY || this.#isStopped) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#advance(), Math.max(0, nextMs - performance.now()));
  }

  /** Opened when it is first needed; undefined where the machine has none left. */
  #socket(index: number): UdpSocket | undefined {
    if (!(index in this.#sockets)) {
      try {
        const socket = new UdpSocket(this.#udx, "IPv4");
        this.#sockets[index] = socket;
        this.#listen(socket, index);
      } catch {
        this.#sockets[index] = undefined;
      }
    }
    return this.#sockets[index];
  }

  #leave(socket: UdpSocket): void {
    const listener = this.#listeners.get(socket);
    if (listener) socket.unlisten(listener);
    this.#listeners.delete(socket);
    if (socket !== this.#sockets[0]) void socket.close();
  }
}
