/** What a stream tells who opened it. Nothing is called before `open`, and nothing after `onClose`. */
export interface StreamHandlers {
  onData(bytes: Uint8Array): void;
  /** The other side sends nothing more. */
  onEnd(): void;
  /** Called exactly once, also after `destroy`. @param error what broke the stream, where something did. */
  onClose(error?: Error): void;
}

/**
 * A connected stream of bytes in both directions, whose pieces mean nothing. TCP is one
 * (`tcp-stream.ts`), a WebSocket with binary messages can be another.
 */
export interface ByteStream {
  /** The IP address that was really dialled; a token goes only to a loopback address. undefined: cannot be told. */
  readonly remoteAddress: string | undefined;
  readonly remotePort: number | undefined;
  /** Own IP address of this connection; undefined: cannot be told. */
  readonly localAddress: string | undefined;
  readonly localPort: number | undefined;
  /** To be called once, as soon as the stream is had; bytes that came before wait for it. */
  open(handlers: StreamHandlers): void;
  write(bytes: Uint8Array): void;
  /** Sends nothing more, and goes on reading. */
  end(): void;
  /** Ends both directions at once. May be called more than once. */
  destroy(): void;
}

export interface DialTarget {
  /** Name, IPv4 address, or IPv6 address without brackets. */
  readonly host: string;
  readonly port: number;
  /** For the whole of dialling: looking up the name and trying its addresses. */
  readonly timeoutMs: number;
  /** Ends the dialling. */
  readonly signal: AbortSignal;
}

/** Connects. Rejects with a `LektError` that says what was tried; another error is reported as `LEKT_CONNECT`. */
export type Dial = (target: DialTarget) => Promise<ByteStream>;
