import { LektError, type ServerInfo } from "@lekt/protocol";
import { EventQueue } from "./event-queue.ts";
import type { PeerEvent } from "./peer-list.ts";

/** What the room is doing; `attempt` counts connections since the last one that was good. */
export type RoomStatus =
  /** `error`: why the one before ended. */
  | { readonly state: "connecting"; readonly attempt: number; readonly error?: LektError }
  /** The server took this client in; `synced` follows when its roster is there. */
  | { readonly state: "online"; readonly attempt: number; readonly error?: undefined }
  /** The next attempt, whose number is `attempt`, comes in `retryInMs`. */
  | {
      readonly state: "waiting";
      readonly attempt: number;
      readonly error: LektError;
      readonly retryInMs: number;
    }
  /** For good. `error` is missing where `close`, `drain` or the signal closed it. */
  | { readonly state: "closed"; readonly attempt: number; readonly error?: LektError };

/** What is known of the server; texts are made safe for terminals and logs. */
export interface ServerFacts {
  /** Of the protocol, such as "1.0.0". */
  readonly version: string;
  /** "host:port" of the address that is connected to. */
  readonly address: string;
  /** This client as the server sees it. */
  readonly you?: ServerInfo["you"];
  readonly heartbeatSeconds?: number;
  /** "host:port"; null where it has none. */
  readonly relay?: string | null;
  /** "host:port" of each STUN responder. */
  readonly stun?: readonly string[];
}

export type RoomEvent =
  | PeerEvent
  | { readonly type: "status"; readonly status: RoomStatus }
  | { readonly type: "server"; readonly server: ServerFacts }
  /** The first roster of a new connection took effect: `peers` is up to date again. */
  | { readonly type: "synced" };

export type RoomListener = (event: RoomEvent) => void;

/** Hands events, in order, to listeners and iterators. */
export class RoomEvents {
  readonly #maxQueued: number;
  readonly #listeners = new Set<{ readonly listener: RoomListener }>();
  readonly #queues = new Set<EventQueue<RoomEvent>>();
  #waiting: RoomEvent[] = [];
  #emitting = false;
  #ended = false;
  #error: LektError | undefined;

  constructor(maxQueued: number) {
    this.#maxQueued = maxQueued;
  }

  /** The same listener may be added twice: each has its own end. */
  on(listener: RoomListener): () => void {
    this.#throwIfClosed();
    const entry = { listener };
    this.#listeners.add(entry);
    return () => {
      this.#listeners.delete(entry);
    };
  }

  iterate(signal?: AbortSignal): EventQueue<RoomEvent> {
    // Who comes late to a room that failed learns why in the way of all other readers.
    if (!this.#error) this.#throwIfClosed();
    const queue: EventQueue<RoomEvent> = new EventQueue({
      maxQueued: this.#maxQueued,
      onClosed: () => this.#queues.delete(queue),
      signal,
    });
    if (this.#ended) queue.end(this.#error);
    else if (!signal?.aborted) this.#queues.add(queue);
    return queue;
  }

  /** Events that a listener causes come after those that wait already. */
  emit(events: readonly RoomEvent[]): void {
    if (this.#ended) return;
    for (const event of events) this.#waiting.push(event);
    if (this.#emitting) return;
    this.#emitting = true;
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      for (const event of batch) this.#emitOne(event);
    }
    this.#emitting = false;
    if (this.#ended) this.#endQueues();
  }

  /** Nothing follows the events that wait. */
  end(error?: LektError): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    if (!this.#emitting) this.#endQueues();
  }

  #emitOne(event: RoomEvent): void {
    for (const queue of this.#queues) queue.push(event);
    for (const entry of [...this.#listeners]) {
      try {
        if (this.#listeners.has(entry)) entry.listener(event);
      } catch (error) {
        // As if nobody had caught it, and after the room has done its work.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }

  #endQueues(): void {
    this.#listeners.clear();
    for (const queue of [...this.#queues]) queue.end(this.#error);
  }

  #throwIfClosed(): void {
    if (!this.#ended) return;
    throw new LektError("LEKT_CLOSED", "The room is closed.", { cause: this.#error });
  }
}
