import { METHOD, toHex } from "@lekt/protocol";
import type { SimulatedSocket } from "@lekt/testkit";
import { addressOf, groupOf, keyOf, type Person } from "./person.ts";

/** A whole reply, as the rim saw it written. */
export interface WrittenReply {
  /** When its heartbeat was read, and what had happened by then. */
  readonly heartbeatMs: number;
  readonly from: number;
  /** What had happened when its end was written. */
  readonly to: number;
}

/** A signal of a client, with a number that is in its payload. */
export interface SentSignal {
  readonly id: number;
  /** The identity that it is for, in hex. */
  readonly to: string;
}

/** What a client wrote, and where in its stream that ends. */
interface Written {
  readonly endOffset: number;
  /** The client's key from then on; undefined: a heartbeat. */
  readonly key: string | undefined;
  readonly signal: SentSignal | undefined;
}

/** One connection, as the simulation knows it from both of its ends. */
export class Visit {
  readonly id: number;
  readonly person: Person;
  readonly ip: number;
  readonly group: string;
  /** What the others see once it is in the network. */
  key: string;
  clientSocket: SimulatedSocket | undefined;
  serverSocket: SimulatedSocket | undefined;
  /** When the server's rim learned of it. */
  acceptedMs: number | undefined;
  admittedMs: number | undefined;
  /** When its last reply was written whole, or it was admitted: silence counts from here (spec 5.15). */
  quietSinceMs = 0;
  /** Read, and not answered. */
  readonly heartbeats: { readonly atMs: number; readonly version: number }[] = [];
  /** Written whole, and not taken by the client yet. */
  readonly replies: WrittenReply[] = [];
  /** Signals that were written to it, in words, and that it has not taken yet. */
  readonly signals: string[] = [];
  /** The identity, in hex, under which it takes signals (spec 8.1.1). */
  readonly signalIdentity: string | undefined;
  /** Up to where the last whole reply told it. */
  toldUpTo = 0;
  /** When that reply's end was written. */
  toldMs = 0;
  repliesWritten = 0;
  rejected: { readonly atMs: number; readonly message: string } | undefined;
  /** The server's heart cut it. */
  cutByHeartMs: number | undefined;
  /** The server has no part in it any more. */
  leftMs: number | undefined;
  /** Since when something waits in the server's process. */
  blockedSinceMs: number | undefined;
  /** Of what waits the last is the end of a reply. */
  endWaits = false;
  /** How much its system had taken, and when; noted from time to time while something waits. */
  taken: { readonly atMs: number; readonly bytes: number }[] = [];
  /** What happened to it that may excuse its end. */
  readonly causes = new Set<string>();
  readonly #written: Written[] = [];
  #writtenBytes = 0;
  #readBytes = 0;

  constructor(id: number, person: Person, offers: ReadonlyMap<number, Uint8Array>) {
    this.id = id;
    this.person = person;
    this.ip = addressOf(person.address).ip;
    this.group = groupOf(person.address);
    this.key = keyOf(person.address, offers);
    const identity = offers.has(METHOD.signal) ? offers.get(METHOD.identity) : undefined;
    this.signalIdentity = identity && toHex(identity);
  }

  get isWatcher(): boolean {
    return this.person.offers.has(METHOD.watch);
  }

  get readsSessions(): boolean {
    return this.person.offers.has(METHOD.session);
  }

  /** Whether anything stood in the way of it, so that deadlines may have passed. */
  get isDisturbed(): boolean {
    return this.causes.size > 0;
  }

  /** The client wrote bytes that mean nothing to the history. */
  wrote(bytes: number): void {
    this.#writtenBytes += bytes;
  }

  wroteHeartbeat(bytes: number): void {
    this.wrote(bytes);
    this.#written.push({ endOffset: this.#writtenBytes, key: undefined, signal: undefined });
  }

  wroteSignal(bytes: number, signal: SentSignal): void {
    this.wrote(bytes);
    this.#written.push({ endOffset: this.#writtenBytes, key: undefined, signal });
  }

  wroteUpdate(bytes: number, key: string): void {
    this.wrote(bytes);
    this.#written.push({ endOffset: this.#writtenBytes, key, signal: undefined });
  }

  /** The server reads bytes. @returns what was whole in them. */
  read(bytes: number): readonly Written[] {
    this.#readBytes += bytes;
    const count = this.#wholeAt(this.#readBytes);
    return count === 0 ? [] : this.#written.splice(0, count);
  }

  /** Whether a whole heartbeat lies unread in the server's system. */
  get hasUnreadHeartbeat(): boolean {
    const arrived = this.#readBytes + (this.serverSocket?.unreadBytes ?? 0);
    return this.#written
      .slice(0, this.#wholeAt(arrived))
      .some(({ key, signal }) => key === undefined && !signal);
  }

  #wholeAt(offset: number): number {
    let count = 0;
    while ((this.#written[count]?.endOffset ?? Number.POSITIVE_INFINITY) <= offset) count++;
    return count;
  }
}
