import { equalBytes, LektError, type MethodReport, type RosterChange, withoutFragment } from "@lekt/protocol";
import type { RoomUpdate } from "./join-options.ts";
import { Link } from "./link.ts";
import { badOption, publishedOffersOf } from "./offers.ts";
import type { OwnEntry } from "./own-entry.ts";
import type { Peer } from "./peer.ts";
import { PeerList } from "./peer-list.ts";
import type { ConnectionHandler, ConnectionOptions } from "./peers/connection-handlers.ts";
import type { ConnectOptions, PeerConnections, PeerReference } from "./peers/peer-connections.ts";
import type { PeerStream } from "./peers/peer-stream.ts";
import {
  type RoomEvent,
  RoomEvents,
  type RoomListener,
  type RoomStatus,
  type ServerFacts,
} from "./room-events.ts";
import type { Settings } from "./settings.ts";

/** A network that this program is in. To iterate over it is to iterate over `events()`. */
export interface Room extends AsyncIterable<RoomEvent>, AsyncDisposable {
  /** As it was given to `join`, without what is behind a `#`: that may be secret. */
  readonly url: string;
  /** Everybody but oneself, stale ones included; the same array until something changes. Offline it stays as it was. */
  readonly peers: readonly Peer[];
  /** Own entry as the others see it; undefined for a watcher, and where it cannot be told. */
  readonly self: Peer | undefined;
  /** Of the connection that is, or was the last one. */
  readonly server: ServerFacts | undefined;
  readonly status: RoomStatus;
  /** By what peers know this client again, 32 bytes; undefined where it joined without connection methods. */
  readonly identity: Uint8Array | undefined;
  /**
   * Connects to a peer by the best path there is: encrypted, and with whoever has the peer's key. Direct paths come
   * before those through the relay.
   * @throws PeerConnectError `LEKT_UNREACHABLE`, `LEKT_PEER_IDENTITY`, `LEKT_NETWORK_KEY`, `LEKT_PEER_REFUSED`,
   * `LEKT_ABORTED`, with a trace of what was tried; LektError `LEKT_OPTION`, `LEKT_CLOSED`
   */
  connect(peer: PeerReference, options?: ConnectOptions): Promise<PeerStream>;
  /**
   * Takes the connections that peers make for this label. Strangers are refused: without a network key whoever is
   * not in the roster, unless `accept` decides otherwise.
   * @returns ends it.
   * @throws LektError `LEKT_OPTION`, `LEKT_CLOSED`
   */
  onConnection(label: string, handler: ConnectionHandler, options?: ConnectionOptions): () => void;
  /**
   * What each connection method knows of this machine's network, and how peers reach it there. Waits for routers and
   * servers that are asked: some seconds, 15 or so at most.
   * @throws LektError `LEKT_OPTION`, `LEKT_CLOSED`
   */
  methodReports(): Promise<readonly MethodReport[]>;
  /**
   * Calls the listener with each event, at once. What it throws becomes an uncaught exception, and
   * neither the room nor other listeners notice.
   * @returns removes the listener.
   * @throws LektError `LEKT_CLOSED`
   */
  on(listener: RoomListener): () => void;
  /**
   * Every event from now on, each iterator its own. It is done when the room was closed; it throws the
   * error where the room gave up, `LEKT_EVENTS_LOST` where more than `maxQueuedEvents` waited (the room
   * goes on), and `LEKT_ABORTED` where the signal fired.
   * @throws LektError `LEKT_CLOSED` where the room is closed already.
   */
  events(options?: { signal?: AbortSignal }): AsyncIterableIterator<RoomEvent>;
  /**
   * Replaces what the others see: only what is given. They get one `updated`.
   * @returns false where some of it could not be told in place: it was not given to `join` (spec 4.10.1), the server
   * does not take updates, or is not reached now. Then it is told when a connection stands next.
   * @throws LektError `LEKT_OPTION`, and `LEKT_CLOSED` where the room is closed.
   */
  update(changes: RoomUpdate): boolean;
  /** Leaves at once. Resolves when the connection is closed. Streams of peers live on: they are ended by themselves. */
  close(): Promise<void>;
  /**
   * Leaves in order: ends its side of the connection and waits, two seconds at most, for the server's. Streams of peers
   * live on, as with `close`.
   */
  drain(): Promise<void>;
}

/** The room behind the interface: what the link brings goes into lists, and out as events. */
export class JoinedRoom implements Room {
  readonly url: string;
  /** Resolves with the first roster; rejects where none came. */
  readonly joined: Promise<void>;
  readonly #events: RoomEvents;
  readonly #list = new PeerList();
  readonly #link: Link;
  readonly #connections: PeerConnections | undefined;
  readonly #signal: AbortSignal | undefined;
  readonly #onAbort = () => void this.close();
  #status: RoomStatus = Object.freeze({ state: "connecting", attempt: 1 });
  #server: ServerFacts | undefined;
  #onJoined: () => void = () => {};
  #onNotJoined: (error: LektError) => void = () => {};

  /** @param connections started, where there are connection methods. */
  constructor(
    url: string,
    settings: Settings,
    signal: AbortSignal | undefined,
    connections: PeerConnections | undefined,
  ) {
    this.url = withoutFragment(String(url));
    this.#connections = connections;
    this.#signal = signal;
    this.#events = new RoomEvents(settings.maxQueuedEvents);
    this.joined = new Promise((resolve, reject) => {
      this.#onJoined = resolve;
      this.#onNotJoined = reject;
    });
    this.#link = new Link(settings, {
      onStatus: (status) => this.#setStatus(status),
      onServer: (server) => this.#setServer(server),
      onNetwork: (facts) => connections?.learned(facts),
      onChanges: (changes, own, first) => this.#change(changes, own, first),
      onSignal: (from, payload) => connections?.received(from, payload),
      onGivenUp: (error) => this.#finish(error),
    });
    connections?.attach({
      peersWith: (identity) =>
        this.peers.filter((peer) => peer.identity && equalBytes(peer.identity, identity)),
      signal: (to, payload) => this.#link.signal(to, payload),
      publish: (index, payload) => void this.#link.update(new Map([[index, payload]])),
    });
    if (signal?.aborted) this.#onAbort();
    else signal?.addEventListener("abort", this.#onAbort, { once: true });
  }

  get peers(): readonly Peer[] {
    return this.#list.peers;
  }

  get self(): Peer | undefined {
    return this.#list.self;
  }

  get server(): ServerFacts | undefined {
    return this.#server;
  }

  get status(): RoomStatus {
    return this.#status;
  }

  get identity(): Uint8Array | undefined {
    return this.#connections?.identity;
  }

  async connect(peer: PeerReference, options?: ConnectOptions): Promise<PeerStream> {
    return this.#withMethods().connect(peer, options);
  }

  onConnection(label: string, handler: ConnectionHandler, options?: ConnectionOptions): () => void {
    return this.#withMethods().onConnection(label, handler, options);
  }

  async methodReports(): Promise<readonly MethodReport[]> {
    return this.#withMethods().methodReports();
  }

  on(listener: RoomListener): () => void {
    return this.#events.on(listener);
  }

  events({ signal }: { signal?: AbortSignal } = {}): AsyncIterableIterator<RoomEvent> {
    return this.#events.iterate(signal);
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<RoomEvent> {
    return this.events();
  }

  update(changes: RoomUpdate): boolean {
    if (this.#status.state === "closed") throw new LektError("LEKT_CLOSED", "The room is closed.");
    const offers = publishedOffersOf(changes);
    this.#connections?.checkUnpublished(offers.keys());
    return this.#link.update(offers);
  }

  async close(): Promise<void> {
    const gone = this.#link.close();
    this.#finish();
    await Promise.all([gone, this.#connections?.close()]);
  }

  async drain(): Promise<void> {
    await this.#link.drain();
    this.#finish();
    await this.#connections?.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #change(changes: readonly RosterChange[], own: OwnEntry | undefined, first: boolean): void {
    const events: readonly RoomEvent[] = this.#list.apply(changes, own, first);
    if (events.length > 0) this.#connections?.rosterChanged();
    this.#onJoined();
    this.#events.emit(first ? [...events, { type: "synced" }] : events);
  }

  #setStatus(status: RoomStatus): void {
    this.#status = Object.freeze(status);
    if (status.state !== "online") this.#connections?.disconnected();
    this.#events.emit([{ type: "status", status }]);
  }

  #setServer(server: ServerFacts): void {
    this.#server = server;
    this.#events.emit([{ type: "server", server }]);
  }

  /** @param error where the room gave up. */
  #finish(error?: LektError): void {
    if (this.#status.state === "closed") return;
    const signal = this.#signal;
    signal?.removeEventListener("abort", this.#onAbort);
    this.#setStatus({ state: "closed", attempt: this.#link.attempt, ...(error && { error }) });
    this.#events.end(error);
    const aborted = signal?.aborted ? aborting(signal) : undefined;
    this.#onNotJoined(error ?? aborted ?? new LektError("LEKT_CLOSED", "The room was closed."));
    void this.#connections?.close();
  }

  #withMethods(): PeerConnections {
    if (this.#connections) return this.#connections;
    throw badOption(
      "methods",
      "empty",
      "peers are connected by methods: join with { methods: [tcp(), relay()] }",
    );
  }
}

export function aborting(signal: AbortSignal): LektError {
  return new LektError("LEKT_ABORTED", "Joining was aborted.", { cause: signal.reason });
}
