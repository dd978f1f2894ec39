import { setMaxListeners } from "node:events";
import type { Duplex } from "node:stream";
import {
  type ConnectionMethod,
  equalBytes,
  fromHex,
  identityText,
  LektError,
  labelFault,
  type MethodReport,
  type NetworkFacts,
  safeText,
  tlsSide,
  toHex,
} from "@lekt/protocol";
import { badOption } from "../offers.ts";
import type { Peer } from "../peer.ts";
import type { ConnectionHandler, ConnectionOptions } from "./connection-handlers.ts";
import { type DirectSearchPace, searchDirect } from "./direct-search.ts";
import { MethodBench, type RoomLine } from "./method-bench.ts";
import { PathAcceptor } from "./path-acceptor.ts";
import { findPath, type PathSearchOptions } from "./path-search.ts";
import { TraceRecorder } from "./path-trace.ts";
import { PeerConnectError } from "./peer-connect-error.ts";
import { checkUnpublished, type PeerSettings } from "./peer-settings.ts";
import { type PeerStream, peerStreamOf } from "./peer-stream.ts";
import { securePath } from "./secure-path.ts";

export interface ConnectOptions {
  /** What is to be spoken: up to 255 bytes of UTF-8, for which the peer has a handler. Default: "". */
  readonly label?: string;
  /** Aborts the connecting (`LEKT_ABORTED`), and nothing later. */
  readonly signal?: AbortSignal;
  /** Default 25,000, counted from when it begins: of very many at once, some wait until the server takes their signals. */
  readonly timeoutMs?: number;
  /** How long a path through the relay waits for a direct one that is still being looked for. Default 2,000, at most 20,000. */
  readonly graceMs?: number;
  /** Names of the methods to be tried, such as "tcp". Default: all that the room has. */
  readonly methods?: readonly string[];
}

/** A peer in the roster, or its identity: 32 bytes, or 64 hex digits. Given as an identity, it is the peer or nobody. */
export type PeerReference = Peer | Uint8Array | string;

/** Times of the race; `spec/limits.md` has the reasons. */
export interface ConnectPace {
  readonly headStartMs: number;
  readonly graceMs: number;
  readonly proofMs: number;
  readonly secureTimeoutMs: number;
  /** For peers that dialled an open port: they may hold a path until its turn in their race comes. */
  readonly acceptTimeoutMs: number;
  /** For peers with whom a path was agreed on: a relayed one may wait for its grace besides. */
  readonly agreedTimeoutMs: number;
  readonly rosterWaitMs: number;
  readonly directSearch: DirectSearchPace;
}

export const CONNECT_PACE: ConnectPace = {
  headStartMs: 250,
  graceMs: 2_000,
  proofMs: 1_000,
  secureTimeoutMs: 5_000,
  acceptTimeoutMs: 15_000,
  agreedTimeoutMs: 30_000,
  rosterWaitMs: 2_000,
  directSearch: { firstDelayMs: 2_000, maxDelayMs: 300_000 },
};

const CONNECT_TIMEOUT_MS = 25_000;
/** Beyond that, and the time to secure it, the other side does not wait on a path. */
export const MAX_GRACE_MS = 20_000;
/** Connects of one room at once. */
export const MAX_CONNECTS = 256;

/** All that a room does to connect peers. */
export class PeerConnections {
  readonly #settings: PeerSettings;
  readonly #pace: ConnectPace;
  readonly #bench: MethodBench;
  readonly #acceptor: PathAcceptor;
  readonly #closing = new AbortController();
  #connects = 0;
  #closed: Promise<void> | undefined;

  constructor(settings: PeerSettings, pace: ConnectPace = CONNECT_PACE) {
    this.#settings = settings;
    this.#pace = pace;
    // Everything that is under way listens.
    setMaxListeners(0, this.#closing.signal);
    this.#bench = new MethodBench({
      methods: settings.methods,
      identity: settings.identity.fingerprint,
      onAccepted: (method, path, by) => void this.#acceptor.accept(method, path, by),
    });
    this.#acceptor = new PathAcceptor({
      identity: settings.identity,
      ...(settings.networkKey && { networkKey: settings.networkKey }),
      timeoutMs: pace.acceptTimeoutMs,
      agreedTimeoutMs: pace.agreedTimeoutMs,
      rosterWaitMs: pace.rosterWaitMs,
      closing: this.#closing.signal,
      peer: (identity, address) => this.#bench.peer(identity, address),
    });
  }

  get identity(): Uint8Array {
    return this.#settings.identity.fingerprint;
  }

  /** To be called once, and before anything else. @returns what the methods publish. */
  start(): Promise<ReadonlyMap<number, Uint8Array>> {
    return this.#bench.start();
  }

  /** The room is there. */
  attach(line: RoomLine): void {
    this.#bench.attach(line);
  }

  learned(facts: NetworkFacts): void {
    this.#bench.learned(facts);
  }

  /** @throws LektError `LEKT_OPTION` where one of these is for a method to publish. */
  checkUnpublished(indices: Iterable<number>): void {
    checkUnpublished(new Set(indices), this.#settings.methods);
  }

  disconnected(): void {
    this.#bench.disconnected();
  }

  received(from: Uint8Array, payload: Uint8Array): void {
    this.#bench.received(from, payload);
  }

  rosterChanged(): void {
    this.#acceptor.rosterChanged();
  }

  /** Streams that were handed over live on. */
  async close(): Promise<void> {
    if (!this.#closing.signal.aborted) {
      this.#closing.abort(new LektError("LEKT_CLOSED", "The room was closed."));
      this.#closed = this.#bench.close();
    }
    await this.#closed;
  }

  onConnection(label: string, handler: ConnectionHandler, options: ConnectionOptions = {}): () => void {
    this.#throwIfClosed();
    checkLabel(label);
    return this.#acceptor.handlers.add(label, handler, options);
  }

  /** @throws LektError `LEKT_CLOSED` */
  async methodReports(): Promise<readonly MethodReport[]> {
    this.#throwIfClosed();
    return this.#bench.reports();
  }

  /** @throws PeerConnectError, LektError `LEKT_OPTION`, `LEKT_CLOSED` */
  async connect(reference: PeerReference, options: ConnectOptions = {}): Promise<PeerStream> {
    this.#throwIfClosed();
    const { label = "", timeoutMs = CONNECT_TIMEOUT_MS, graceMs = this.#pace.graceMs } = options;
    checkLabel(label);
    if (typeof timeoutMs !== "number" || !(timeoutMs > 0))
      throw badOption("timeoutMs", `${timeoutMs}`, "it is a number above 0");
    if (!(graceMs >= 0 && graceMs <= MAX_GRACE_MS)) {
      throw badOption("graceMs", `${graceMs}`, `it is a number from 0 to ${MAX_GRACE_MS}`);
    }
    if (options.signal !== undefined && !(options.signal instanceof AbortSignal)) {
      throw badOption("signal", "that", "it is no AbortSignal");
    }
    const identity = this.#identityOf(reference);
    const wish = { label, timeoutMs, graceMs, wantedId: idOf(reference) };
    const methods = this.#methodsNamed(options.methods);
    const trace = new TraceRecorder(identity, () => performance.now());
    this.#checkRoster(identity, trace);
    if (this.#connects >= MAX_CONNECTS) {
      throw unreachable(trace, `${MAX_CONNECTS} connects are under way already. Wait until some are done.`);
    }
    this.#connects++;
    try {
      const stream = await this.#find(trace, methods, wish, options.signal);
      const direct = this.#settings.methods.filter((method) => !method.relayed && methods.includes(method));
      if (stream.path.relayed && direct.length > 0) {
        searchDirect(stream, this.#pace.directSearch, this.#closing.signal, (signal) =>
          this.#find(trace, direct, wish, signal),
        );
      }
      return stream;
    } finally {
      this.#connects--;
    }
  }

  async #find(
    trace: TraceRecorder,
    methods: readonly ConnectionMethod<Duplex>[],
    { label, timeoutMs, graceMs, wantedId }: Wish,
    signal: AbortSignal | undefined,
  ): Promise<PeerStream> {
    const { identity, networkKey } = this.#settings;
    const { headStartMs, proofMs, secureTimeoutMs } = this.#pace;
    const peer = trace.peer;
    const expected = fromHex(peer) as Uint8Array;
    const signals = [this.#closing.signal, ...(signal ? [signal] : [])];
    const share = await this.#bench.turns.begin(signals);
    const options: PathSearchOptions = {
      methods,
      peerText: this.#peerText(peer, wantedId),
      target: (method) => this.#bench.target(peer, method, wantedId),
      isContested: this.#bench.entries(peer).length > 1,
      secure: (path, cancelled, turn) =>
        securePath(path.stream, {
          identity,
          ...(networkKey && { networkKey }),
          role: "dialing",
          tls: tlsSide(path.dialled, toHex(identity.fingerprint), peer),
          expected,
          label,
          timeoutMs: secureTimeoutMs,
          signal: cancelled,
          turn,
        }),
      trace,
      headStartMs,
      graceMs,
      proofMs,
      timeoutMs,
      signals,
      onAttempt: (id, isOver) => this.#bench.ownAttempt(id, { peer, share }, isOver),
    };
    try {
      return peerStreamOf(await findPath(options), trace);
    } finally {
      this.#bench.turns.end(share);
    }
  }

  #identityOf(reference: PeerReference): string {
    const given = typeof reference === "string" ? fromHex(reference) : reference;
    const identity = given instanceof Uint8Array ? given : given?.identity;
    if (reference === undefined || reference === null) {
      throw badPeer(
        `${reference}`,
        "a peer of the roster or an identity is needed; perhaps nobody is there yet",
      );
    }
    if (given && !identity) {
      throw badPeer("that peer", "it publishes no identity, so nobody could tell whether it answers");
    }
    if (identity?.length !== 32) throw badPeer("that", "an identity is 32 bytes, or 64 hex digits");
    const text = toHex(identity);
    if (equalBytes(identity, this.identity)) {
      const isShared = this.#bench.entries(text).length > 0;
      const why = isShared
        ? "it has the same identity as this client: let one of the two use another identity, or another identity file"
        : "it is this client itself";
      throw badPeer("that peer", why);
    }
    return text;
  }

  #methodsNamed(names: readonly string[] | undefined): readonly ConnectionMethod<Duplex>[] {
    const { methods } = this.#settings;
    if (names && !(Array.isArray(names) && names.length > 0)) {
      throw badOption("methods", "that", 'it is an array of names, such as ["tcp", "udp"], and not empty');
    }
    const unknown = names?.find((name) => !methods.some((method) => method.name === name));
    if (unknown !== undefined) {
      const known = methods.map(({ name }) => name).join(", ");
      throw badOption("methods", `"${unknown}"`, `this room has ${known}`);
    }
    return names ? methods.filter(({ name }) => names.includes(name)) : methods;
  }

  #checkRoster(identity: string, trace: TraceRecorder): void {
    if (this.#bench.peer(identity)) return;
    const why =
      "it is not in the roster. Check that it joined the same network, and publishes this identity.";
    throw unreachable(trace, `Could not connect to ${this.#peerText(identity)}: ${why}`);
  }

  /** With a name where an entry was asked for, or only one shows the identity. */
  #peerText(identity: string, wantedId?: string): string {
    const text = identityText(fromHex(identity) as Uint8Array);
    const [first, ...others] = this.#bench.entries(identity, wantedId);
    const entry = others.length === 0 || first?.id === wantedId ? first : undefined;
    return entry?.name ? `${entry.name} (${text})` : text;
  }

  #throwIfClosed(): void {
    const { signal } = this.#closing;
    if (signal.aborted) throw new LektError("LEKT_CLOSED", "The room is closed.", { cause: signal.reason });
  }
}

interface Wish extends Required<Pick<ConnectOptions, "label" | "timeoutMs" | "graceMs">> {
  /** Of the entry that is tried first, where one was given. */
  readonly wantedId: string | undefined;
}

function idOf(reference: PeerReference): string | undefined {
  return typeof reference === "string" || reference instanceof Uint8Array ? undefined : reference.id;
}

function badPeer(peer: string, why: string): LektError {
  return new LektError("LEKT_OPTION", `Cannot connect to ${peer}: ${why}.`);
}

function checkLabel(label: string): void {
  if (typeof label !== "string") throw badOption("label", typeof label, "it is not a string");
  const fault = labelFault(label);
  if (fault) throw badOption("label", `"${safeText(label).slice(0, 100)}"`, fault);
}

function unreachable(trace: TraceRecorder, message: string): PeerConnectError {
  return new PeerConnectError("LEKT_UNREACHABLE", message, trace);
}
