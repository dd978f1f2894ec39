import type { Duplex } from "node:stream";
import { LektError } from "@lekt/protocol";

interface GuardOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

/** Ends the path, and fails what is waited for, where the caller aborts, the time is over, or the path breaks. */
export class PathGuard {
  readonly #raw: Duplex;
  readonly #failed: Promise<never>;
  readonly #release: () => void;
  #reject: (error: LektError) => void = () => {};
  #failure: LektError | undefined;

  constructor(raw: Duplex, { timeoutMs, signal }: GuardOptions) {
    this.#raw = raw;
    this.#failed = new Promise((_, reject) => {
      this.#reject = reject;
    });
    this.#failed.catch(() => {});
    this.watch(raw);
    const timer = setTimeout(() => this.#fail(tooSlow(timeoutMs)), timeoutMs);
    const onAbort = () => this.#fail(aborted(signal));
    signal?.addEventListener("abort", onAbort, { once: true });
    this.#release = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
    };
    if (signal?.aborted) onAbort();
  }

  /** The path breaks where `stream` does, or has already; from now on its errors are never unhandled. */
  watch(stream: Duplex): void {
    if (stream.destroyed) this.#fail(pathError(stream.errored ?? new Error("it was closed")));
    stream.on("error", (error) => this.#fail(pathError(error)));
    // What broke the path is told later than the closing of the layer below.
    stream.once("close", () => setImmediate(() => this.#fail(pathError(new Error("it was closed")))));
  }

  async until<T>(step: () => T | Promise<T>): Promise<T> {
    if (this.#failure) throw this.#failure;
    return await Promise.race([step(), this.#failed]);
  }

  /** Abort and time count no more. */
  release(): void {
    this.#release();
  }

  #fail(error: LektError): void {
    this.#failure ??= error;
    this.#reject(error);
    this.#raw.destroy();
  }
}

/** What a stream between peers failed with. */
export function pathError(cause: unknown): LektError {
  if (cause instanceof LektError) return cause;
  return new LektError("LEKT_PATH", `The path to the peer broke: ${reasonOf(cause)}.`, { cause });
}

const REASONS: Readonly<Record<string, string>> = {
  ECONNRESET: "the connection was reset",
  EPIPE: "the peer is gone",
  ETIMEDOUT: "nothing comes from the peer any more",
};

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code = "", reason } = error as Error & { readonly code?: string; readonly reason?: string };
  return REASONS[code] ?? (code.startsWith("ERR_SSL") ? `TLS failed (${reason ?? code})` : error.message);
}

function tooSlow(timeoutMs: number): LektError {
  const seconds = Math.round(timeoutMs / 100) / 10;
  return new LektError(
    "LEKT_PATH",
    `The peer did not finish TLS and preamble within ${seconds} s. Try again, or allow more time.`,
  );
}

function aborted(signal: AbortSignal | undefined): LektError {
  return new LektError("LEKT_ABORTED", "Connecting to the peer was aborted.", { cause: signal?.reason });
}
