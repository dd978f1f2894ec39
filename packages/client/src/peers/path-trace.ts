import { safeText } from "@lekt/protocol";

/** How an attempt ended: its path is the one; another one was better; it found none; it could not be tried; it was called off. */
export type AttemptOutcome = "won" | "beaten" | "failed" | "skipped" | "aborted";

/** One attempt of one method. Texts are made safe for terminals and logs. */
export interface PathAttempt {
  readonly method: string;
  /** 16 hex digits; what both sides call it in signals. */
  readonly id: string;
  /** Since `connect` was called. */
  readonly startMs: number;
  /** undefined: it still runs. */
  readonly endMs: number | undefined;
  /** Addresses that were tried, as the method calls them. */
  readonly candidates: readonly string[];
  /** What was learned on the way. */
  readonly notes: readonly string[];
  /** undefined: it still runs. */
  readonly outcome: AttemptOutcome | undefined;
  /** Why it won nothing. */
  readonly reason: string | undefined;
}

/** How a path was looked for. */
export interface PathTrace {
  /** Identity of the peer, 64 hex digits. */
  readonly peer: string;
  readonly attempts: readonly PathAttempt[];
  /** Attempts, candidates and notes that there was no room for. */
  readonly omitted: number;
}

/** Attempts in a trace; a stream on a relay adds some with each search for a direct path. */
export const MAX_TRACE_ATTEMPTS = 64;
/** Candidates of an attempt, and notes of it. */
export const MAX_TRACE_TEXTS = 64;
/** Characters of such a text: parts of it come from the peer. */
export const MAX_TRACE_TEXT_LENGTH = 300;

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** Writes down what the methods do. */
export class TraceRecorder implements PathTrace {
  readonly peer: string;
  readonly attempts: PathAttempt[] = [];
  omitted = 0;
  readonly #clock: () => number;
  readonly #startMs: number;

  constructor(peer: string, clock: () => number) {
    this.peer = peer;
    this.#clock = clock;
    this.#startMs = clock();
  }

  begin(method: string, id: string): AttemptRecord {
    const attempt: Writable<PathAttempt> = {
      method,
      id,
      startMs: this.#sinceStartMs(),
      endMs: undefined,
      candidates: [],
      notes: [],
      outcome: undefined,
      reason: undefined,
    };
    if (this.attempts.length < MAX_TRACE_ATTEMPTS) this.attempts.push(attempt);
    else this.omitted++;
    const add = (texts: readonly string[], text: string) => {
      if (texts.length < MAX_TRACE_TEXTS) (texts as string[]).push(traceText(text));
      else this.omitted++;
    };
    return {
      candidate: (text) => add(attempt.candidates, text),
      note: (text) => add(attempt.notes, text),
      end: (outcome, reason) => {
        if (attempt.outcome) return;
        attempt.endMs = this.#sinceStartMs();
        attempt.outcome = outcome;
        attempt.reason = reason === undefined ? undefined : traceText(reason);
      },
    };
  }

  #sinceStartMs(): number {
    return Math.round(this.#clock() - this.#startMs);
  }
}

/** One attempt, while it is written down. */
export interface AttemptRecord {
  candidate(text: string): void;
  note(text: string): void;
  /** The first end counts. */
  end(outcome: AttemptOutcome, reason?: string): void;
}

function traceText(text: string): string {
  const safe = safeText(text);
  return safe.length > MAX_TRACE_TEXT_LENGTH ? `${safe.slice(0, MAX_TRACE_TEXT_LENGTH - 1)}…` : safe;
}
