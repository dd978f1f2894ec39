import type { Socket } from "node:net";
import { addressGroup, encodeAccept, type RejectWord, rosterAddress } from "@lekt/protocol";
import type { EventLog } from "../event-log.ts";
import { DESCRIPTOR_RESERVE } from "../options.ts";
import { refuseSocket } from "../refused-socket.ts";
import { CircuitTable, type CircuitTableOptions } from "./circuit-table.ts";

export interface CircuitRelayOptions extends CircuitTableOptions {
  /** Of a circuit, both directions together. */
  readonly maxCircuitBytes: number;
}

/** A connection through which nothing goes is probed after so long; one that is dead is gone some 10 s later. */
const KEEP_ALIVE_DELAY_MS = 5_000;
/** Of the descriptors kept in reserve, so many may tell the refused why; who comes then is cut off. */
const REFUSED_AT_ONCE = DESCRIPTOR_RESERVE / 8;
/** So long who is left may read what the system has taken for it, before it sees the break. */
const PARTING_MS = 10_000;

/**
 * The rim of a relay: joins two sockets. What waits for a slow reader, and what comes before the other
 * connection does, is bounded by the sockets' own buffers: beyond that nothing more is read.
 */
export class CircuitRelay {
  readonly #options: CircuitRelayOptions;
  readonly #table: CircuitTable<Socket>;
  readonly #log: EventLog;
  /** Those that are refused included. */
  readonly #sockets = new Set<Socket>();
  readonly #refused = new Set<Socket>();
  #timer: NodeJS.Timeout | undefined;
  #closed = false;
  #onEmpty: () => void = () => {};

  constructor(options: CircuitRelayOptions, log: EventLog) {
    this.#options = options;
    this.#table = new CircuitTable(options);
    this.#log = log;
  }

  /** Connections that wait or are paired. */
  get connections(): number {
    return this.#table.connections;
  }

  /**
   * Takes a connection over, whose listeners have to be gone.
   * @param early bytes that came behind the token.
   */
  take(socket: Socket, token: Uint8Array, early: Uint8Array): void {
    socket.pause();
    socket.on("error", () => {});
    if (early.length > 0) socket.unshift(early);
    this.#sockets.add(socket);
    socket.once("close", () => this.#gone(socket));
    const address = rosterAddress(socket.remoteAddress ?? "");
    if (!address || this.#closed) {
      socket.destroy();
      return;
    }
    socket.setKeepAlive(true, KEEP_ALIVE_DELAY_MS);
    const [nowMs, unixSeconds] = [performance.now(), Math.floor(Date.now() / 1_000)];
    const verdict = this.#table.arrived(socket, token, addressGroup(address), nowMs, unixSeconds);
    if (verdict.type === "refused") this.#turnAway(socket, verdict.word, verdict.text);
    else if (verdict.type === "paired") this.#join(socket, verdict.partner);
    this.#schedule();
  }

  /** Ends in order: cuts the circuits and tells those who wait why. @returns when the last connection is gone. */
  async drain(): Promise<void> {
    this.#closed = true;
    for (const socket of this.#table.takeWaiting())
      this.#refuse(socket, "shutdown", "the relay is shutting down");
    for (const socket of this.#sockets) if (!this.#refused.has(socket)) socket.destroy();
    await this.#emptied();
  }

  /** Cuts everything. @returns when the last connection is gone. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const socket of this.#sockets) socket.destroy();
    await this.#emptied();
  }

  async #emptied(): Promise<void> {
    clearTimeout(this.#timer);
    if (this.#sockets.size === 0) return;
    await new Promise<void>((resolve) => {
      const before = this.#onEmpty;
      this.#onEmpty = () => {
        before();
        resolve();
      };
    });
  }

  /** Whoever comes next may have its place, while it is being told why. */
  #turnAway(socket: Socket, word: RejectWord, text: string): void {
    if (this.#refused.size < REFUSED_AT_ONCE) this.#refuse(socket, word, text);
    else socket.destroy();
  }

  #refuse(socket: Socket, word: RejectWord, text: string): void {
    this.#log.refused(socket.remoteAddress ?? "", word, text, performance.now());
    this.#refused.add(socket);
    refuseSocket(socket, word, text);
  }

  #join(a: Socket, b: Socket): void {
    let bytes = 0;
    const count = (chunk: Uint8Array) => {
      bytes += chunk.length;
      if (bytes <= this.#options.maxCircuitBytes) return;
      this.#log.circuitTooLong(a.remoteAddress ?? "", this.#options.maxCircuitBytes);
      a.resetAndDestroy();
      b.resetAndDestroy();
    };
    // Before the first byte of the other side (spec 8.2).
    for (const socket of [a, b]) socket.write(encodeAccept());
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const) {
      from.on("data", count);
      from.pipe(to);
      from.once("close", () => leave(from, to));
    }
  }

  #gone(socket: Socket): void {
    this.#table.left(socket);
    this.#sockets.delete(socket);
    this.#refused.delete(socket);
    this.#schedule();
    if (this.#sockets.size === 0) this.#onEmpty();
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    const { deadlineMs } = this.#table;
    if (this.#closed || deadlineMs === Number.POSITIVE_INFINITY) return;
    this.#timer = setTimeout(() => this.#refuseLonely(), Math.max(0, deadlineMs - performance.now()) + 1);
  }

  #refuseLonely(): void {
    for (const socket of this.#table.takeLonely(performance.now())) {
      this.#turnAway(socket, "timeout", "nobody came to the other end of this circuit");
    }
    this.#schedule();
  }
}

/**
 * One side is gone: what it sent in full still reaches the other, which otherwise sees the break. What that one
 * sends is thrown away: unread it would make TCP reset the connection, and what is on its way be lost (spec 6.5).
 */
function leave(gone: Socket, other: Socket): void {
  if (other.destroyed) return;
  if (!gone.readableEnded) {
    other.resetAndDestroy();
    return;
  }
  other.unpipe(gone);
  other.resume();
  other.end();
  const part = () => {
    const timer = setTimeout(() => other.destroy(), PARTING_MS);
    other.once("close", () => clearTimeout(timer));
  };
  if (other.writableFinished) part();
  else other.once("finish", part);
}
