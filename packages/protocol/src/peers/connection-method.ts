import type { MethodReport } from "./method-report.ts";

/*
 * The contract between a room and its connection methods (house rule: `methods` implements what `protocol`
 * states as types). `Stream` is the platform's stream with flow control in both directions: `Duplex` in Node.js.
 */

/** What of an `AbortSignal` is needed here; `protocol` knows no platform. */
export interface Cancellation {
  readonly aborted: boolean;
  addEventListener(type: "abort", listener: () => void, options?: { readonly once?: boolean }): void;
  removeEventListener(type: "abort", listener: () => void): void;
}

/** Where somebody who shows an identity may be. */
export interface PeerEntry {
  /** The roster's address for it, IPv4 or IPv6; undefined where it holds none that can be dialled. */
  readonly address: string | undefined;
  /** What it published for the method. */
  readonly payload: Uint8Array | undefined;
}

/** A peer, as far as a method needs to know it; nothing of it is proven before TLS is through. */
export interface PeerTarget extends PeerEntry {
  /** 64 hex digits. */
  readonly identity: string;
  /** Further entries that show the same identity: signals reach them, too, and who is the peer only TLS tells (spec 9.11). */
  readonly others?: readonly PeerEntry[];
}

/** JSON between peers, in the payload of a signal (spec 9.5). */
export interface PeerSignal {
  readonly v: 1;
  readonly type: string;
  /** 16 hex digits, chosen by the peer that dials. */
  readonly attempt: string;
  /** The name of the method that it is for. */
  readonly method: string;
  readonly [key: string]: unknown;
}

/** A stream of bytes between two peers that is neither encrypted nor authenticated yet. */
export interface RawPath<Stream> {
  readonly stream: Stream;
  /** Who dialled an open port, and so begins TLS; `both`: the smaller identity begins (spec 9.2). */
  readonly dialled: "here" | "there" | "both";
  /** "address:port", IPv6 in brackets. */
  readonly local: string;
  readonly remote: string;
  readonly relayed: boolean;
  /**
   * Of a dialled path: the next one of the same attempt, as several may answer for one identity. Undefined where none
   * comes any more. Methods look for it until the attempt's signal fires.
   */
  readonly next?: Promise<RawPath<Stream> | undefined>;
}

/** What a method is told while it dials. */
export interface DialAttempt {
  /** 16 hex digits. */
  readonly id: string;
  readonly peer: PeerTarget;
  /** Fired where another path won, the caller gave up, or the time is over. */
  readonly signal: Cancellation;
  /** For the trace: an address that is tried ("udp 203.0.113.7:4000, reflexive"). */
  candidate(text: string): void;
  /** For the trace: what was learned on the way. */
  note(text: string): void;
}

/** What is known of the own network; a later `learned` replaces all of it. */
export interface NetworkFacts {
  /** Own address and port of the connection to the server as the server sees them. */
  readonly publicAddress: string | undefined;
  readonly publicPort: number | undefined;
  /** The same connection as this machine sees it. */
  readonly localAddress: string | undefined;
  readonly localPort: number | undefined;
  /** "host:port" */
  readonly relay: string | undefined;
  /** "host:port" each */
  readonly stun: readonly string[];
}

export interface Circuit {
  /** 64 hex digits. */
  readonly token: string;
  /** "host:port" */
  readonly relay: string;
  readonly expiresUnixSeconds: number;
}

/** What a room does for its methods. */
export interface MethodHost<Stream> {
  /** Own identity, 64 hex digits. */
  readonly identity: string;
  /** A peer in the roster, with the payload of the method that asks; undefined where nobody there has the identity. */
  peer(identity: string): PeerTarget | undefined;
  /** Best effort; what cannot be delivered comes back by `undeliverable`. */
  signal(to: string, message: PeerSignal): void;
  /** Replaces what the method publishes. */
  publish(payload: Uint8Array): void;
  /** Asks the server for a circuit. Rejects with a `LektError` where it has none to give. */
  circuit(): Promise<Circuit>;
  /**
   * A peer has opened a path, which the room secures and hands on, or destroys.
   * @param by known where it was agreed on by signals; undefined for a connection to an open port.
   */
  accepted(path: RawPath<Stream>, by?: { readonly identity: string; readonly attempt: string }): void;
}

/** One way for peers to reach each other. A room has each method once. */
export interface ConnectionMethod<Stream> {
  readonly name: string;
  /** Its number in the list of methods (spec/methods.md). */
  readonly index: number;
  /** True where everything passes somebody else's machine. */
  readonly relayed: boolean;
  /** Opens what it needs. To be called once, before the room joins. @returns what is published first. */
  start(host: MethodHost<Stream>): Promise<Uint8Array>;
  /** What the server told of this network, after each connection to it. */
  learned(facts: NetworkFacts): void;
  /** Why it cannot reach this peer at all, in words; undefined where it may. */
  obstacle(peer: PeerTarget): string | undefined;
  /**
   * Rejects with a `LektError` that gives the reason, also where `attempt.signal` fires; leaves nothing open then.
   * Where the peer has `others`, the path may lead to one of them, and has a `next`.
   */
  dial(attempt: DialAttempt): Promise<RawPath<Stream>>;
  /** A signal for this method came: of a peer in the roster or not. */
  received(from: PeerTarget, message: PeerSignal): void;
  /** The peer cannot be signalled: nobody has its identity, or it is overrun. */
  undeliverable(to: string): void;
  /**
   * What it knows of the own network, for people who want to know why peers do not reach them. Waits until that is
   * known: routers and servers are asked, some seconds long. Never rejects.
   */
  report?(): Promise<MethodReport>;
  /** Ends what it opened; streams that were handed over live on as far as they can. */
  close(): Promise<void>;
}
