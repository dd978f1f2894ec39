import { safeText } from "@lekt/protocol";
import type { Logger } from "pino";

/** Lines about refused clients in one second; the rest are counted. Strangers must not fill the disk. */
const REFUSALS_PER_SECOND = 20;

/** What is worth a line in the log. Networks stand there by number, and private payloads never (spec/methods.md). */
export class EventLog {
  readonly #logger: Logger | undefined;
  #refusals = 0;
  #refusalsSinceMs = 0;

  constructor(logger: Logger | undefined) {
    this.#logger = logger;
  }

  listening(host: string, port: number, maxClients: number, stunPorts: readonly number[]): void {
    this.#logger?.info({ host, port, stunPorts, maxClients }, "listening");
  }

  relaying(host: string, port: number, maxCircuits: number): void {
    this.#logger?.info({ host, port, maxCircuits }, "listening");
  }

  /** Whether `joined` and `left` are of any use. */
  get tellsOfClients(): boolean {
    return this.#logger?.isLevelEnabled("info") ?? false;
  }

  joined(client: {
    address: string;
    network: number;
    name: string | undefined;
    watch: boolean;
    clients: number;
  }): void {
    const name = client.name === undefined ? undefined : safeText(client.name);
    this.#logger?.info({ ...client, name }, "client joined");
  }

  left(client: { address: string; network: number; clients: number }): void {
    this.#logger?.info(client, "client left");
  }

  refused(address: string, word: string, reason: string, nowMs: number): void {
    this.sumUpRefusals(nowMs);
    this.#refusals++;
    if (this.#refusals > REFUSALS_PER_SECOND) return;
    this.#logger?.info({ address, word, reason: safeText(reason) }, "client refused");
  }

  /** Tells how many refusals of a second that is over had no line of their own. */
  sumUpRefusals(nowMs: number): void {
    if (nowMs - this.#refusalsSinceMs < 1_000) return;
    const unlogged = this.#refusals - REFUSALS_PER_SECOND;
    if (unlogged > 0) this.#logger?.warn({ unlogged }, "more clients were refused");
    this.#refusals = 0;
    this.#refusalsSinceMs = nowMs;
  }

  slowReader(address: string): void {
    this.#logger?.info({ address }, "client dropped: it reads too slowly");
  }

  circuitTooLong(address: string, maxCircuitBytes: number): void {
    this.#logger?.info({ address, maxCircuitBytes }, "circuit cut: too many bytes went through it");
  }

  /** A datagram could not be answered, or a UDP socket failed. */
  stunFailed(error: unknown): void {
    this.#logger?.warn({ err: error }, "a STUN responder failed");
  }

  authorizeFailed(error: unknown): void {
    this.#logger?.error({ err: error }, "the authorize hook failed");
  }

  acceptFailed(error: unknown): void {
    this.#logger?.error({ err: error }, "the listening socket failed");
  }

  failed(error: unknown): void {
    this.#logger?.error({ err: error }, "a packet could not be handled");
  }

  stopping(clients: number): void {
    this.#logger?.info({ clients }, "stopping");
  }
}
