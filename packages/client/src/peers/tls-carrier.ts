import { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";
import { LektError } from "@lekt/protocol";

/**
 * Carries TLS over a raw stream, and keeps the end of that stream from it: Node.js ends what TLS gives in the same way
 * whether the peer said so (`close_notify`) or somebody on the way cut the bytes off, and only the first is an end.
 */
export class TlsCarrier extends Duplex {
  readonly #raw: Duplex;
  #tls: TLSSocket | undefined;
  #peerHasEnded = false;

  constructor(raw: Duplex) {
    super({ allowHalfOpen: true });
    this.#raw = raw;
    raw.pause();
    raw.on("data", (bytes: Buffer) => {
      if (!this.push(bytes)) raw.pause();
    });
    raw.once("end", () => this.#onRawEnd());
    raw.on("error", (error) => this.destroy(error));
    raw.once("close", () => this.destroy());
  }

  /** The handshake is done; to be called before anything else happens. */
  established(tls: TLSSocket): void {
    this.#tls = tls;
    const push = tls.push.bind(tls);
    tls.push = (bytes, encoding) => {
      if (bytes === null) this.#peerHasEnded = true;
      return push(bytes, encoding);
    };
  }

  override _read(): void {
    this.#raw.resume();
  }

  override _write(bytes: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    if (this.#raw.write(bytes)) done();
    else this.#raw.once("drain", done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#raw.end(done);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#raw.destroy();
    done(error);
  }

  /** All that came before is through TLS by now. */
  #onRawEnd(): void {
    if (this.#peerHasEnded) return;
    const error = new LektError("LEKT_PATH", "The path to the peer broke: it was cut off.");
    if (this.#tls) this.#tls.destroy(error);
    else this.destroy(error);
  }
}
