import type { Duplex } from "node:stream";
import {
  type Circuit,
  type ConnectionMethod,
  equalBytes,
  fromHex,
  type MethodHost,
  type MethodReport,
  type NetworkFacts,
  type PeerEntry,
  type PeerSignal,
  type PeerTarget,
  type RawPath,
  SERVER_IDENTITY,
  toHex,
} from "@lekt/protocol";
import { badOption } from "../offers.ts";
import type { Peer } from "../peer.ts";
import { AttemptGate } from "./attempt-gate.ts";
import { CircuitRequests } from "./circuit-requests.ts";
import { ConnectTurns } from "./connect-turns.ts";
import { decodeJsonObject, decodePeerSignal, encodePeerSignal } from "./peer-signal.ts";
import type { SignalShare } from "./signal-budget.ts";

/** Entries in the roster that show one identity and are tried. */
export const MAX_ENTRIES_OF_IDENTITY = 4;

/** Methods hold sockets, and what they know of one network. */
const started = new WeakSet<ConnectionMethod<Duplex>>();

/** Who opened a path, where that was agreed on by signals. */
export type PathOwner = Parameters<MethodHost<Duplex>["accepted"]>[1];

/** What the methods need of the room. */
export interface RoomLine {
  /** Those in the roster that publish this identity. */
  peersWith(identity: Uint8Array): readonly Peer[];
  /** @returns false where it cannot be sent now. */
  signal(to: Uint8Array, payload: Uint8Array): boolean;
  /** Replaces what is published for a method. */
  publish(index: number, payload: Uint8Array): void;
}

export interface MethodBenchOptions {
  readonly methods: readonly ConnectionMethod<Duplex>[];
  readonly identity: Uint8Array;
  onAccepted(method: string, path: RawPath<Duplex>, by: PathOwner): void;
}

/** An attempt of this room. */
export interface OwnAttempt {
  /** Whom it is for: hex digits. */
  readonly peer: string;
  /** … and what it may need of signals. */
  readonly share: SignalShare;
}

/** Where the methods work: brings them signals, and what the server said, and takes from them what they have for the room. */
export class MethodBench {
  readonly methods: readonly ConnectionMethod<Duplex>[];
  /** When connects may begin, by the signals that all have sent. */
  readonly turns = new ConnectTurns();
  readonly #options: MethodBenchOptions;
  /** What each publishes. */
  readonly #published = new Map<number, Uint8Array>();
  readonly #gate = new AttemptGate();
  readonly #ownAttempts = new Map<string, OwnAttempt>();
  readonly #circuits = new CircuitRequests((payload) => this.#send(SERVER_IDENTITY, payload));
  #line: RoomLine | undefined;

  constructor(options: MethodBenchOptions) {
    this.#options = options;
    this.methods = options.methods;
  }

  /** @returns what is to be published, by method. @throws LektError `LEKT_OPTION` where one was started before. */
  async start(): Promise<ReadonlyMap<number, Uint8Array>> {
    const used = this.methods.find((method) => started.has(method));
    if (used) {
      const why = "make them anew for each join";
      throw badOption("methods", `a ${used.name} that was used before`, why);
    }
    for (const method of this.methods) started.add(method);
    try {
      for (const method of this.methods) {
        const payload = await method.start(this.#hostOf(method));
        // What it had published meanwhile is newer.
        if (!this.#published.has(method.index)) this.#published.set(method.index, payload);
      }
    } catch (error) {
      await this.close();
      throw error;
    }
    return this.#published;
  }

  attach(line: RoomLine): void {
    this.#line = line;
  }

  learned(facts: NetworkFacts): void {
    for (const method of this.methods) method.learned(facts);
  }

  /** Of those that tell. */
  async reports(): Promise<readonly MethodReport[]> {
    const reports = await Promise.all(this.methods.map((method) => method.report?.()));
    return reports.filter((report) => report !== undefined);
  }

  /** The connection to the server is gone. */
  disconnected(): void {
    this.#circuits.lost();
  }

  async close(): Promise<void> {
    this.#line = undefined;
    this.#circuits.lost();
    await Promise.all(this.methods.map((method) => method.close()));
  }

  /**
   * The peer as a method is to see it; without an address where it is not in the roster. Of those who show the
   * identity, who can be reached by the method comes first.
   */
  target(identity: string, method: ConnectionMethod<Duplex>, wantedId?: string): PeerTarget {
    const entries = this.entries(identity, wantedId).map(({ address, methods }) => {
      return { address, payload: methods.get(method.index) };
    });
    const isReachable = (entry: PeerEntry) =>
      entry.payload !== undefined && method.obstacle({ identity, ...entry }) === undefined;
    const [first = { address: undefined, payload: undefined }, ...others] = [
      ...entries.filter(isReachable),
      ...entries.filter((entry) => !isReachable(entry)),
    ];
    return { identity, ...first, ...(others.length > 0 && { others }) };
  }

  /**
   * Those who show the identity, of whom one is the peer (spec 9.11.1): who is wanted first, the others as they came;
   * those that went stale only where nobody else does.
   */
  entries(identity: string, wantedId?: string): readonly Peer[] {
    const bytes = fromHex(identity);
    if (!bytes) return [];
    const all = this.#line?.peersWith(bytes) ?? [];
    const wanted = all.filter(({ id }) => id === wantedId);
    const connected = all.filter(({ id, stale }) => id !== wantedId && !stale);
    const found = [...wanted, ...connected];
    return (found.length > 0 ? found : all).slice(0, MAX_ENTRIES_OF_IDENTITY);
  }

  /** Whoever shows the identity; at this address, where one does. */
  peer(identity: string, address?: string): Peer | undefined {
    const entries = this.entries(identity);
    return entries.find((entry) => address !== undefined && entry.address === address) ?? entries[0];
  }

  /** Signals of an own attempt are passed on, and only those of the peer that it is for. */
  ownAttempt(id: string, attempt: OwnAttempt, isOver: boolean): void {
    if (isOver) this.#ownAttempts.delete(id);
    else this.#ownAttempts.set(id, attempt);
  }

  /** A signal from the server's side of the line (spec 8.1). */
  received(from: Uint8Array, payload: Uint8Array): void {
    if (equalBytes(from, SERVER_IDENTITY)) this.#circuits.answered(decodeJsonObject(payload));
    else if (payload.length === 0) this.#undeliverable(toHex(from));
    else this.#route(toHex(from), payload);
  }

  #route(from: string, payload: Uint8Array): void {
    const message = decodePeerSignal(payload);
    const method = message && this.methods.find(({ name }) => name === message.method);
    if (!message || !method) return;
    const owner = this.#ownAttempts.get(message.attempt);
    // Who offers under the number of an own attempt wants a refusal of it, which would reach whom it is for.
    const isLetIn = owner
      ? owner.peer === from && message.type !== "offer"
      : this.#gate.admits(from, message.attempt, performance.now(), this.entries(from).length > 1);
    if (isLetIn) method.received(this.target(from, method), message);
  }

  #undeliverable(to: string): void {
    for (const method of this.methods) method.undeliverable(to);
  }

  #hostOf(method: ConnectionMethod<Duplex>): MethodHost<Duplex> {
    return {
      identity: toHex(this.#options.identity),
      peer: (identity) => (this.peer(identity) ? this.target(identity, method) : undefined),
      signal: (to, message) => this.#signal(to, message),
      publish: (payload) => {
        this.#published.set(method.index, payload);
        this.#line?.publish(method.index, payload);
      },
      circuit: (): Promise<Circuit> => this.#circuits.request(),
      accepted: (path, by) => {
        if (by) this.#gate.done(by.identity, by.attempt);
        this.#options.onAccepted(method.name, path, by);
      },
    };
  }

  #signal(to: string, message: PeerSignal): void {
    const bytes = fromHex(to);
    const payload = encodePeerSignal(message);
    if (bytes && payload && this.#send(bytes, payload, this.#ownAttempts.get(message.attempt)?.share)) return;
    // As if the server had sent it back: never from within the method's own call.
    queueMicrotask(() => this.#undeliverable(to));
  }

  #send(to: Uint8Array, payload: Uint8Array, share?: SignalShare): boolean {
    this.turns.sent(share);
    return this.#line?.signal(to, payload) ?? false;
  }
}
