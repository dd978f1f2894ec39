import {
  ClientSession,
  type ClientSessionEvent,
  concatBytes,
  LektError,
  type RosterChange,
  type RosterView,
  type ServerInfo,
  type Version,
} from "@lekt/protocol";
import type { ByteStream } from "./byte-stream.ts";
import { hostPort } from "./connect-error.ts";
import { DeadlineTimer } from "./deadline-timer.ts";
import type { Offers } from "./offers.ts";
import type { ConnectionEnd } from "./reconnect-policy.ts";

export interface SessionDriverHooks {
  /** Setup is over. `asked`: the methods that the server wanted to know about. */
  onReady(version: Version, asked: readonly number[]): void;
  onServerInfo(info: Partial<ServerInfo>): void;
  /** The roster changed. `first`: this is the first roster of the connection. */
  onChanges(changes: readonly RosterChange[], first: boolean): void;
  /** A signal of whoever shows the identity `from`; empty: the own one to `from` came back (spec 8.1.4). */
  onSignal(from: Uint8Array, payload: Uint8Array): void;
}

export interface SessionDriverOptions {
  readonly offers: Offers;
  readonly view: RosterView;
  readonly heartbeatIntervalMs: number;
  readonly setupTimeoutMs: number;
  /** For messages. */
  readonly host: string;
  readonly port: number;
}

/** How long `drain` waits for the end of the server's stream. */
const DRAIN_TIMEOUT_MS = 2_000;

/** Gives one session a stream and a clock: bytes go in and out, the timer rings, events go to the hooks. */
export class SessionDriver {
  /** The connection has ended and its stream is closed. */
  readonly ended: Promise<ConnectionEnd>;
  readonly #options: SessionDriverOptions;
  readonly #stream: ByteStream;
  readonly #hooks: SessionDriverHooks;
  readonly #session: ClientSession;
  readonly #timer = new DeadlineTimer(() => this.#onDeadline());
  #readyMs: number | undefined;
  #broughtRoster = false;
  /** Known from the moment at which the session is over; the stream may still be closing. */
  #end: ConnectionEnd | undefined;
  #drainTimer: NodeJS.Timeout | undefined;
  #onClosed: (end: ConnectionEnd) => void = () => {};

  constructor(options: SessionDriverOptions, stream: ByteStream, hooks: SessionDriverHooks) {
    this.#options = options;
    this.#stream = stream;
    this.#hooks = hooks;
    this.ended = new Promise((resolve) => {
      this.#onClosed = resolve;
    });
    this.#session = new ClientSession(
      { ...options, unixSeconds: () => Math.floor(Date.now() / 1_000) },
      performance.now(),
    );
    stream.open({
      onData: (bytes) => this.#onData(bytes),
      onEnd: () => this.#onStreamEnd(),
      onClose: (error) => this.#onStreamClose(error),
    });
    this.#pump();
  }

  /** Replaces a published payload. @returns false where the server does not take it in place. */
  update(method: number, payload: Uint8Array): boolean {
    if (this.#end) return false;
    const taken = this.#session.update(method, payload, performance.now());
    this.#pump();
    return taken;
  }

  /** Sends a signal, best effort. @returns false where this connection has no signals. */
  signal(to: Uint8Array, payload: Uint8Array): boolean {
    if (this.#end) return false;
    const sent = this.#session.signal(to, payload);
    this.#pump();
    return sent;
  }

  /** Closes at once. */
  stop(): void {
    this.#finish(new LektError("LEKT_CLOSED", "The room was closed."));
    this.#stream.destroy();
  }

  /** Says goodbye by the end of its stream, and waits for the server's (spec 5.2.2). */
  drain(): void {
    if (this.#end) return;
    this.#finish(new LektError("LEKT_CLOSED", "The room was closed."));
    this.#drainTimer = setTimeout(() => this.#stream.destroy(), DRAIN_TIMEOUT_MS);
    this.#stream.end();
  }

  #onData(bytes: Uint8Array): void {
    if (this.#end) return;
    this.#session.receive(bytes, performance.now());
    this.#pump();
  }

  #onStreamEnd(): void {
    if (this.#end) this.#stream.destroy();
    else {
      this.#session.disconnected();
      this.#pump();
    }
  }

  #onStreamClose(error: Error | undefined): void {
    clearTimeout(this.#drainTimer);
    if (!this.#end) {
      this.#session.disconnected(error);
      this.#pump();
    }
    if (this.#end) this.#onClosed(this.#end);
  }

  #onDeadline(): void {
    const nowMs = performance.now();
    this.#session.onDeadline(nowMs);
    this.#pump();
    if (this.#end || !this.#broughtRoster) return;
    const expired = this.#options.view.expire(nowMs);
    if (expired.length > 0) this.#hooks.onChanges(expired, false);
    this.#arm();
  }

  /** Does what the session asks for. A hook may stop the driver: nothing follows then. */
  #pump(): void {
    const events = this.#session.takeEvents();
    const unsent: Uint8Array[] = [];
    for (const event of events) {
      if (event.type === "send") unsent.push(event.bytes);
    }
    // Before the hooks: what they do takes its time. After the session's end the stream takes no more.
    if (unsent.length > 0)
      this.#stream.write(unsent.length === 1 ? (unsent[0] as Uint8Array) : concatBytes(unsent));
    for (const event of events) {
      if (this.#end) return;
      this.#handle(event);
    }
    this.#arm();
  }

  #handle(event: ClientSessionEvent): void {
    switch (event.type) {
      case "send":
        break;
      case "ready":
        this.#readyMs = performance.now();
        this.#hooks.onReady(event.version, event.asked);
        break;
      case "server":
        this.#hooks.onServerInfo(event.info);
        break;
      case "reply":
        this.#broughtRoster = true;
        this.#hooks.onChanges(event.changes, event.first);
        break;
      case "signal":
        this.#hooks.onSignal(event.from, event.payload);
        break;
      case "ended": {
        const { error, word, text } = event;
        this.#finish(this.#explain(error), { ...(word && { word }), ...(text !== undefined && { text }) });
        this.#stream.destroy();
        break;
      }
    }
  }

  #explain(error: LektError): LektError {
    const where = hostPort(this.#options.host, this.#options.port);
    switch (error.code) {
      case "LEKT_NOT_LEKT":
        return new LektError(
          error.code,
          `What answers at ${where} does not speak LEKT. Check host and port.`,
        );
      case "LEKT_TIMEOUT":
      case "LEKT_CONNECTION_LOST":
        return new LektError(error.code, `${where}: ${error.message}`, { cause: error.cause });
      default:
        return error;
    }
  }

  #finish(error: LektError, reject?: { word?: NonNullable<ConnectionEnd["word"]>; text?: string }): void {
    if (this.#end) return;
    this.#timer.stop();
    const onlineMs = this.#readyMs === undefined ? {} : { onlineMs: performance.now() - this.#readyMs };
    this.#end = { error, broughtRoster: this.#broughtRoster, ...onlineMs, ...reject };
  }

  #arm(): void {
    if (this.#end) return;
    // Only who is connected and has the roster can know that somebody did not come back.
    const expiryMs = this.#broughtRoster ? this.#options.view.nextExpiryMs : Number.POSITIVE_INFINITY;
    this.#timer.set(Math.min(this.#session.deadlineMs, expiryMs));
  }
}
