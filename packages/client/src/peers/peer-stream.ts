import { Duplex } from "node:stream";
import type { RawPath } from "@lekt/protocol";
import { pathError } from "./path-guard.ts";
import type { PathTrace } from "./path-trace.ts";
import type { SecuredPath } from "./secure-path.ts";

/** The way that a stream takes. */
export interface PeerPath {
  /** "tcp", "udp", "relay", … */
  readonly method: string;
  /** "address:port" of this end, IPv6 in brackets. */
  readonly local: string;
  /** … and of what it is connected to: the peer, or the relay. */
  readonly remote: string;
  /** True where everything passes a relay, which sees who talks to whom and can read nothing. */
  readonly relayed: boolean;
  /** As measured while the path was secured, on the side that connected. */
  readonly roundTripMs: number | undefined;
}

export interface PeerStreamFacts {
  readonly path: PeerPath;
  readonly trace: PathTrace;
  readonly identity: Uint8Array;
  readonly label: string;
}

/**
 * An encrypted stream to a peer that has proven its identity. Each side ends its own direction; a path that
 * dies destroys the stream with `LEKT_PATH`. Its `close` without an error comes when the peer has got everything
 * (and knows a pulse, spec 9.10); `finish` says only that all was handed over.
 *
 * Event `direct` (stream: PeerStream), on the side that connected, where the path is relayed: a direct path was found.
 * It is a stream of its own, which the peer gets as a new connection with the same label; this one stays as it is.
 * A direct path is looked for only while somebody listens.
 */
export class PeerStream extends Duplex {
  readonly path: PeerPath;
  readonly trace: PathTrace;
  /** Of the peer, proven: 32 bytes. */
  readonly identity: Uint8Array;
  /** What the connecting side wants to speak. */
  readonly label: string;
  readonly #inner: Duplex;
  /** Of a write that waits until there is room. */
  #written: ((error?: Error) => void) | undefined;

  /** @param inner what TLS gives. */
  constructor(inner: Duplex, { path, trace, identity, label }: PeerStreamFacts) {
    super({ allowHalfOpen: true });
    this.path = path;
    this.trace = trace;
    this.identity = identity;
    this.label = label;
    this.#inner = inner;
    // A peer that goes away must not end a program that does not listen.
    this.on("error", () => {});
    inner.pause();
    inner.on("data", (bytes: Buffer) => {
      if (!this.push(bytes)) inner.pause();
    });
    inner.on("drain", () => this.#goOn());
    inner.once("end", () => this.push(null));
    inner.on("error", (error) => this.destroy(pathError(error)));
    inner.once("close", () => this.#onInnerClose());
    // It may have come right behind the preamble.
    if (inner.readableEnded) this.push(null);
  }

  override _read(): void {
    this.#inner.resume();
  }

  override _write(bytes: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    if (this.#inner.write(bytes)) done();
    else this.#written = done;
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#inner.end(done);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    const inner = this.#inner;
    this.#goOn(error ?? pathError(new Error("it was closed")));
    inner.destroy();
    const finish = () => done(inner.errored && pathError(inner.errored));
    if (error) done(error);
    else if (inner.closed) finish();
    else inner.once("close", finish);
  }

  #goOn(error?: Error): void {
    const written = this.#written;
    this.#written = undefined;
    written?.(error);
  }

  #onInnerClose(): void {
    if (this.#inner.readableEnded && this.#inner.writableFinished) return;
    this.destroy(pathError(new Error("it was closed")));
  }
}

/** A path that has proven whose it is. */
export interface FoundPath {
  readonly method: string;
  readonly raw: RawPath<Duplex>;
  readonly secured: SecuredPath;
}

export function peerStreamOf({ method, raw, secured }: FoundPath, trace: PathTrace): PeerStream {
  const { local, remote, relayed } = raw;
  const { stream, identity, label, roundTripMs } = secured;
  return new PeerStream(stream, {
    path: { method, local, remote, relayed, roundTripMs },
    trace,
    identity,
    label,
  });
}
