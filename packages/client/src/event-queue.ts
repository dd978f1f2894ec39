import { LektError } from "@lekt/protocol";

interface Waiter<T> {
  readonly resolve: (result: IteratorResult<T, undefined>) => void;
  readonly reject: (error: unknown) => void;
}

export interface EventQueueOptions {
  readonly maxQueued: number;
  /** Called once, when the iterator takes no more events. */
  readonly onClosed: () => void;
  readonly signal?: AbortSignal | undefined;
}

/** One reader's events, as an async iterator: what was pushed waits until it is read, up to a bound. */
export class EventQueue<T> implements AsyncIterableIterator<T, undefined> {
  readonly #options: EventQueueOptions;
  readonly #queued: T[] = [];
  /** Where the next event to read stands in `#queued`. */
  #next = 0;
  readonly #waiters: Waiter<T>[] = [];
  #closed = false;
  #error: unknown;
  readonly #onAbort: () => void;

  constructor(options: EventQueueOptions) {
    this.#options = options;
    const { signal } = options;
    const aborted = () =>
      new LektError("LEKT_ABORTED", "Waiting for events was aborted.", { cause: signal?.reason });
    this.#onAbort = () => {
      this.#drop();
      this.end(aborted());
    };
    if (signal?.aborted) {
      this.#closed = true;
      this.#error = aborted();
    } else {
      signal?.addEventListener("abort", this.#onAbort, { once: true });
    }
  }

  /** Where too many events wait, the reader gets `LEKT_EVENTS_LOST` instead of them. */
  push(event: T): void {
    if (this.#closed) return;
    const waiter = this.#waiters.shift();
    if (waiter) {
      waiter.resolve({ value: event, done: false });
      return;
    }
    if (this.#queued.length - this.#next < this.#options.maxQueued) {
      this.#queued.push(event);
      return;
    }
    this.#drop();
    const message = `More than ${this.#options.maxQueued} events waited to be read; \`peers\` has the present state.`;
    this.end(new LektError("LEKT_EVENTS_LOST", message));
  }

  /** What waits can still be read; then the error is thrown, once, or the iterator is done. */
  end(error?: unknown): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#options.signal?.removeEventListener("abort", this.#onAbort);
    this.#error = error;
    for (const waiter of this.#waiters.splice(0)) this.#finish(waiter);
    this.#options.onClosed();
  }

  next(): Promise<IteratorResult<T, undefined>> {
    return new Promise((resolve, reject) => {
      if (this.#next < this.#queued.length) {
        const value = this.#queued[this.#next++] as T;
        this.#compact();
        resolve({ value, done: false });
      } else if (this.#closed) this.#finish({ resolve, reject });
      else this.#waiters.push({ resolve, reject });
    });
  }

  return(): Promise<IteratorResult<T, undefined>> {
    this.#drop();
    this.end();
    this.#error = undefined;
    return Promise.resolve({ value: undefined, done: true });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #finish({ resolve, reject }: Waiter<T>): void {
    const error = this.#error;
    this.#error = undefined;
    if (error === undefined) resolve({ value: undefined, done: true });
    else reject(error);
  }

  #drop(): void {
    this.#queued.length = 0;
    this.#next = 0;
  }

  /** Read events are let go of in strides: one by one would move the whole queue each time. */
  #compact(): void {
    if (this.#next < 256 || this.#next * 2 < this.#queued.length) return;
    this.#queued.splice(0, this.#next);
    this.#next = 0;
  }
}
