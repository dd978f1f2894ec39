import { randomBytes, randomInt } from "node:crypto";
import type { Duplex } from "node:stream";
import { type ConnectionMethod, LektError, type PeerTarget, type RawPath } from "@lekt/protocol";
import { DeadlineTimer } from "../deadline-timer.ts";
import { AttemptRace, type RaceStep } from "./attempt-race.ts";
import type { AttemptOutcome, AttemptRecord, TraceRecorder } from "./path-trace.ts";
import { PeerConnectError, peerConnectError } from "./peer-connect-error.ts";
import type { FoundPath } from "./peer-stream.ts";
import type { SecuredPath } from "./secure-path.ts";

export interface PathSearchOptions {
  readonly methods: readonly ConnectionMethod<Duplex>[];
  /** For messages. */
  readonly peerText: string;
  /** The peer with what it published for the method. */
  target(method: ConnectionMethod<Duplex>): PeerTarget;
  /**
   * Runs TLS and the preamble. The path's stream is the search's to destroy where this fails.
   * @param turn to be called when the identity is proven; the preamble waits for it
   */
  secure(path: RawPath<Duplex>, signal: AbortSignal, turn: () => Promise<void>): Promise<SecuredPath>;
  /** More than one may bear the peer's identity, so that one's refusal is not all the others'. */
  readonly isContested: boolean;
  readonly trace: TraceRecorder;
  readonly headStartMs: number;
  readonly graceMs: number;
  readonly proofMs: number;
  readonly timeoutMs: number;
  /** Each of them calls the search off. */
  readonly signals: readonly AbortSignal[];
  /** Tells of an attempt that signals may come for, until it is over. */
  onAttempt(id: string, isOver: boolean): void;
}

/** Paths of one attempt that are there at once: four entries with open ports, and eight that answer (spec 9.11). */
export const MAX_PATHS_AT_ONCE = 12;
/** … and all in all: those that proved to be nobody's give their place back. */
export const MAX_PATHS_OF_ATTEMPT = 512;

/** One method that dials; several paths may come of it. */
interface Attempt {
  readonly id: string;
  readonly method: ConnectionMethod<Duplex>;
  /** Of the dialling. */
  readonly controller: AbortController;
  paths: number;
}

/** A path that is looked for, or there. */
interface Dialling {
  /** In the race. */
  readonly name: string;
  readonly attempt: Attempt;
  /** Of the securing. */
  readonly controller: AbortController;
  /** None as long as nothing shows that there is a further path. */
  record?: AttemptRecord;
  raw?: RawPath<Duplex>;
  isSecuring?: boolean;
  secured?: SecuredPath;
  greet?: () => void;
}

/** Looks for the best path to a peer. @throws PeerConnectError */
export function findPath(options: PathSearchOptions): Promise<FoundPath> {
  return new PathSearch(options).result;
}

/** Runs an `AttemptRace` with real methods and a real clock. */
class PathSearch {
  readonly result: Promise<FoundPath>;
  readonly #options: PathSearchOptions;
  readonly #race: AttemptRace;
  readonly #timer = new DeadlineTimer(() => {
    this.#race.onDeadline(performance.now());
    this.#pump();
  });
  readonly #attempts = new Set<Attempt>();
  readonly #dialling = new Map<string, Dialling>();
  readonly #records: AttemptRecord[] = [];
  readonly #errors: LektError[] = [];
  readonly #onAbort = () => this.#giveUp(this.#aborted());
  #resolve: (path: FoundPath) => void = () => {};
  #reject: (error: PeerConnectError) => void = () => {};

  constructor(options: PathSearchOptions) {
    this.#options = options;
    this.result = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    const { headStartMs, graceMs, proofMs, timeoutMs, signals } = options;
    const nowMs = performance.now();
    const race = { headStartMs, graceMs, proofMs, endMs: nowMs + timeoutMs };
    this.#race = new AttemptRace(this.#runners(), race, nowMs);
    if (signals.some(({ aborted }) => aborted)) {
      this.#reject(this.#aborted());
      return;
    }
    for (const signal of signals) signal.addEventListener("abort", this.#onAbort, { once: true });
    this.#pump();
  }

  /** Those that may reach the peer; the others stand in the trace alone. */
  #runners(): readonly ConnectionMethod<Duplex>[] {
    return this.#options.methods.filter((method) => {
      const target = this.#options.target(method);
      const obstacle = target.payload ? method.obstacle(target) : "the peer does not offer it";
      if (obstacle !== undefined) this.#options.trace.begin(method.name, "").end("skipped", obstacle);
      return obstacle === undefined;
    });
  }

  #pump(): void {
    for (let steps = this.#race.takeSteps(); steps.length > 0; steps = this.#race.takeSteps()) {
      for (const step of steps) this.#take(step);
    }
    this.#timer.set(this.#race.deadlineMs);
  }

  #take(step: RaceStep): void {
    switch (step.type) {
      case "dial":
        this.#dial(step.name);
        break;
      case "secure":
        this.#secure(step.name);
        break;
      case "greet":
        this.#dialling.get(step.name)?.greet?.();
        break;
      case "cancel":
        this.#drop(step.name);
        break;
      case "won":
        this.#won(step.name);
        break;
      case "lost":
        this.#lost(step.reason);
        break;
    }
  }

  #dial(name: string): void {
    const method = this.#options.methods.find((candidate) => candidate.name === name);
    if (!method) return;
    const id = randomBytes(8).toString("hex");
    const attempt: Attempt = { id, method, controller: new AbortController(), paths: 0 };
    const record = this.#record(attempt);
    const dialling: Dialling = { name, attempt, controller: new AbortController(), record };
    this.#attempts.add(attempt);
    this.#dialling.set(name, dialling);
    this.#options.onAttempt(id, false);
    const { signal } = attempt.controller;
    const { candidate, note } = record;
    const dial = async () => method.dial({ id, peer: this.#options.target(method), signal, candidate, note });
    dial().then(
      (raw) => this.#arrived(dialling, raw),
      (error) => {
        this.#failed(dialling, error);
        this.#end(attempt);
      },
    );
  }

  #record({ method, id }: Attempt): AttemptRecord {
    const record = this.#options.trace.begin(method.name, id);
    this.#records.push(record);
    return record;
  }

  #arrived(dialling: Dialling, raw: RawPath<Duplex>): void {
    dialling.raw = raw;
    raw.stream.on("error", (error) => this.#broke(dialling, error));
    raw.stream.once("close", () => this.#broke(dialling, new Error("The path was closed.")));
    if (!this.#isCurrent(dialling)) {
      discard(raw);
      return;
    }
    dialling.record ??= this.#record(dialling.attempt);
    this.#awaitNext(dialling.attempt, raw);
    this.#makeRoom(dialling.attempt);
    if (raw.stream.destroyed) this.#broke(dialling, new Error("The path was closed."));
    else this.#race.arrived(dialling.name, performance.now());
    this.#pump();
  }

  /** A random one that waits gives its place away, so that who is there first keeps nobody out (spec 9.11.3). */
  #makeRoom(attempt: Attempt): void {
    const there = [...this.#dialling.values()].filter((one) => one.attempt === attempt && one.raw);
    const waiting = there.filter(({ isSecuring }) => !isSecuring);
    const displaced = there.length > MAX_PATHS_AT_ONCE && waiting[randomInt(waiting.length)];
    if (displaced)
      this.#failed(displaced, new LektError("LEKT_PATH", "Too many others answered for the peer."));
  }

  /** Others may answer in the peer's name: each path of an attempt is one in the race. */
  #awaitNext(attempt: Attempt, { next }: RawPath<Duplex>): void {
    const { method } = attempt;
    if (!next || ++attempt.paths >= MAX_PATHS_OF_ATTEMPT) {
      next?.then(discard, () => {});
      this.#end(attempt);
      return;
    }
    const name = `${method.name} ${attempt.paths + 1}`;
    const dialling: Dialling = { name, attempt, controller: new AbortController() };
    this.#dialling.set(name, dialling);
    this.#race.awaited({ name, relayed: method.relayed });
    const absent = () => {
      this.#dialling.delete(name);
      this.#end(attempt);
      this.#race.absent(name, performance.now());
      this.#pump();
    };
    next.then((raw) => (raw ? this.#arrived(dialling, raw) : absent()), absent);
  }

  #secure(name: string): void {
    const dialling = this.#dialling.get(name);
    if (!dialling?.raw) return;
    dialling.isSecuring = true;
    const turn = () =>
      new Promise<void>((resolve) => {
        dialling.greet = resolve;
        this.#race.proven(name);
        this.#pump();
      });
    this.#options.secure(dialling.raw, dialling.controller.signal, turn).then(
      (secured) => {
        dialling.secured = secured;
        this.#race.secured(name);
        // What came too late is nobody's.
        if (!this.#isCurrent(dialling)) secured.stream.destroy();
        this.#pump();
      },
      (error) => {
        this.#failed(dialling, error);
        dialling.raw?.stream.destroy();
      },
    );
  }

  /** While it is secured, that tells better what broke. */
  #broke(dialling: Dialling, error: Error): void {
    if (!dialling.isSecuring) this.#failed(dialling, error);
  }

  #failed(dialling: Dialling, error: unknown): void {
    if (!this.#isCurrent(dialling)) return;
    this.#dialling.delete(dialling.name);
    const known = asLektError(error);
    this.#errors.push(known);
    dialling.record?.end("failed", known.message);
    dialling.raw?.stream.destroy();
    // The peer itself has said no: it would on every other path.
    if (known.code === "LEKT_PEER_REFUSED" && !this.#options.isContested) this.#giveUp(this.#failure());
    this.#race.failed(dialling.name, performance.now());
    this.#pump();
  }

  #isCurrent(dialling: Dialling): boolean {
    return this.#dialling.get(dialling.name) === dialling;
  }

  /** Ends what a method does, and a path that it has. */
  #drop(name: string): void {
    const dialling = this.#dialling.get(name);
    if (!dialling) return;
    this.#dialling.delete(name);
    this.#end(dialling.attempt);
    dialling.controller.abort();
    dialling.raw?.stream.destroy();
  }

  /** No more paths come of it, and no signals are for it. */
  #end(attempt: Attempt): void {
    if (!this.#attempts.delete(attempt)) return;
    attempt.controller.abort();
    this.#options.onAttempt(attempt.id, true);
  }

  #won(name: string): void {
    const dialling = this.#dialling.get(name);
    if (!dialling?.raw || !dialling.secured) return;
    const method = dialling.attempt.method.name;
    dialling.record?.end("won");
    this.#endRecords("beaten", `${method} was there first`);
    this.#dialling.delete(name);
    this.#finish();
    this.#resolve({ method, raw: dialling.raw, secured: dialling.secured });
  }

  #lost(reason: "exhausted" | "timeout"): void {
    this.#endRecords("failed", "no path within the time");
    this.#finish();
    this.#reject(this.#failure(reason === "timeout" ? this.#options.timeoutMs : undefined));
  }

  #giveUp(error: PeerConnectError): void {
    this.#endRecords("aborted", "called off");
    this.#race.stop();
    this.#pump();
    this.#finish();
    this.#reject(error);
  }

  /** Of all attempts that have no end yet. */
  #endRecords(outcome: AttemptOutcome, reason: string): void {
    for (const record of this.#records) record.end(outcome, reason);
  }

  #failure(timeoutMs?: number): PeerConnectError {
    const { peerText: peer, trace, isContested } = this.#options;
    return peerConnectError({ peer, trace, errors: this.#errors, timeoutMs, isContested });
  }

  #aborted(): PeerConnectError {
    const { peerText, trace, signals } = this.#options;
    const cause = signals.find(({ aborted }) => aborted)?.reason;
    if (cause instanceof LektError) return new PeerConnectError(cause.code, cause.message, trace, { cause });
    return new PeerConnectError("LEKT_ABORTED", `Connecting to ${peerText} was aborted.`, trace, { cause });
  }

  #finish(): void {
    this.#timer.stop();
    for (const attempt of this.#attempts) this.#end(attempt);
    for (const signal of this.#options.signals) signal.removeEventListener("abort", this.#onAbort);
  }
}

/** Nobody needs it, nor what would follow. */
function discard(path: RawPath<Duplex> | undefined): void {
  path?.stream.destroy();
  path?.next?.then(discard, () => {});
}

function asLektError(error: unknown): LektError {
  if (error instanceof LektError) return error;
  return new LektError("LEKT_PATH", error instanceof Error ? error.message : String(error), { cause: error });
}
