import {
  LektError,
  type LektErrorCode,
  type LektUrl,
  type RejectReaction,
  type RejectWord,
  reactionTo,
  safeText,
} from "@lekt/protocol";
import { type BackoffOptions, backoffDelayMs } from "./backoff.ts";
import { urlFromServer } from "./usable-url.ts";

/** How a connection, or the attempt at one, ended. */
export interface ConnectionEnd {
  readonly error: LektError;
  /** Where the server sent a Reject: its word and text. */
  readonly word?: RejectWord | "unknown";
  readonly text?: string;
  /** How long it was online: from the end of the setup. undefined: it never was. */
  readonly onlineMs?: number;
  /** Whether it brought a roster. */
  readonly broughtRoster: boolean;
}

export type ReconnectStep =
  | { readonly type: "connect" }
  | { readonly type: "wait"; readonly delayMs: number }
  | { readonly type: "give-up"; readonly error: LektError };

export interface ReconnectPolicyOptions extends BackoffOptions {
  readonly home: LektUrl;
  /** Whether the very first connection may fail, too. */
  readonly waitForServer: boolean;
}

/** Moves in a row without a finished setup (spec 6.4.2). */
const MAX_MOVES = 3;
/** A connection that was online for so long was a good one, even if it brought nothing. */
const ONLINE_LONG_ENOUGH_MS = 10_000;

/** What is no use trying again by itself (spec/errors.md); Rejects have their own rule. */
const FINAL_CODES: readonly LektErrorCode[] = ["LEKT_VERSION", "LEKT_ROSTER_LIMIT", "LEKT_TOKEN_INSECURE"];
/** … and what is none before the first roster: later it may pass. */
const FINAL_AT_FIRST: readonly LektErrorCode[] = ["LEKT_NOT_LEKT", "LEKT_PROTOCOL"];

/** Decides, without clock or socket, what follows the end of a connection (spec 6.4). */
export class ReconnectPolicy {
  /** The number of the attempt under way, or of the next one; from 1, again after a good connection. */
  attempt = 1;
  readonly #options: ReconnectPolicyOptions;
  /** Where a server sent the client. */
  #movedTo: LektUrl | undefined;
  /** Whether the next attempt goes to the URL that the user gave although a server sent the client elsewhere. */
  #tryHome = false;
  #moves = 0;
  /** Some connection brought a roster: `join` has resolved. */
  #joined = false;

  constructor(options: ReconnectPolicyOptions) {
    this.#options = options;
  }

  /** Where to connect to now. */
  get target(): LektUrl {
    return (this.#tryHome ? undefined : this.#movedTo) ?? this.#options.home;
  }

  after(end: ConnectionEnd): ReconnectStep {
    if (end.onlineMs !== undefined) this.#moves = 0;
    if (end.broughtRoster) this.#joined = true;
    const good = end.broughtRoster || (end.onlineMs ?? 0) >= ONLINE_LONG_ENOUGH_MS;
    this.attempt = good ? 1 : this.attempt + 1;
    switch (this.#reaction(end)) {
      case "move":
        return this.#move(end);
      case "retry":
        // Either may be the one that still stands: the server it was sent to, or the one that knows better.
        if (!good && this.#movedTo) this.#tryHome = !this.#tryHome;
        return this.#wait();
      case "give-up":
        return { type: "give-up", error: end.error };
    }
  }

  #reaction(end: ConnectionEnd): RejectReaction {
    const { code } = end.error;
    const reaction = end.word ? reactionTo(end.word) : FINAL_CODES.includes(code) ? "give-up" : "retry";
    if (reaction !== "retry" || this.#joined) return reaction;
    return this.#options.waitForServer && !FINAL_AT_FIRST.includes(code) ? "retry" : "give-up";
  }

  #move(end: ConnectionEnd): ReconnectStep {
    this.#moves++;
    if (this.#moves > MAX_MOVES) {
      return {
        type: "give-up",
        error: new LektError(
          "LEKT_MOVED_TOO_OFTEN",
          `${MAX_MOVES} servers in a row sent this client elsewhere, and the last one again.`,
          { cause: end.error },
        ),
      };
    }
    try {
      this.#movedTo = urlFromServer(end.text ?? "");
    } catch (error) {
      const message = `The server sent this client elsewhere, but not to where it could go: ${safeText((error as Error).message)}`;
      return { type: "give-up", error: new LektError("LEKT_REJECT_MOVED", message, { cause: error }) };
    }
    this.#tryHome = false;
    // At once, but two servers that send a client to and fro after each setup do not make it spin.
    return end.onlineMs === undefined ? { type: "connect" } : this.#wait();
  }

  #wait(): ReconnectStep {
    return { type: "wait", delayMs: backoffDelayMs(this.attempt, this.#options) };
  }
}
