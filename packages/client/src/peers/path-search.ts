import { randomBytes } from "node:crypto";
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
  /** Runs TLS and the preamble. The path's stream is the search's to destroy where this fails. */
  secure(path: RawPath<Duplex>, signal: AbortSignal): Promise<SecuredPath>;
  readonly trace: TraceRecorder;
  readonly headStartMs: number;
  readonly graceMs: number;
  readonly timeoutMs: number;
  /** Each of them calls the search off. */
  readonly signals: readonly AbortSignal[];
  /** Tells of an attempt that signals may come for, until it is over. */
  onAttempt(id: string, isOver: boolean): void;
}

/** A method that dials, or whose path is there. */
interface Dialling {
  readonly id: string;
  readonly record: AttemptRecord;
  readonly controller: AbortController;
  raw?: RawPath<Duplex>;
  isSecuring?: boolean;
  secured?: SecuredPath;
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
    const { headStartMs, graceMs, timeoutMs, signals } = options;
    const nowMs = performance.now();
    const race = { headStartMs, graceMs, endMs: nowMs + timeoutMs };
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
    const record = this.#options.trace.begin(name, id);
    this.#records.push(record);
    const dialling: Dialling = { id, record, controller: new AbortController() };
    this.#dialling.set(name, dialling);
    this.#options.onAttempt(id, false);
    const { signal } = dialling.controller;
    const { candidate, note } = record;
    const dial = async () => method.dial({ id, peer: this.#options.target(method), signal, candidate, note });
    dial().then(
      (raw) => this.#arrived(name, dialling, raw),
      (error) => this.#failed(name, dialling, error),
    );
  }

  #arrived(name: string, dialling: Dialling, raw: RawPath<Duplex>): void {
    dialling.raw = raw;
    raw.stream.on("error", (error) => this.#broke(name, dialling, error));
    raw.stream.once("close", () => this.#broke(name, dialling, new Error("The path was closed.")));
    if (this.#dialling.get(name) !== dialling) raw.stream.destroy();
    else if (raw.stream.destroyed) this.#broke(name, dialling, new Error("The path was closed."));
    else this.#race.arrived(name, performance.now());
    this.#pump();
  }

  #secure(name: string): void {
    const dialling = this.#dialling.get(name);
    if (!dialling?.raw) return;
    dialling.isSecuring = true;
    this.#options.secure(dialling.raw, dialling.controller.signal).then(
      (secured) => {
        dialling.secured = secured;
        this.#race.secured(name);
        // What came too late is nobody's.
        if (this.#dialling.get(name) !== dialling) secured.stream.destroy();
        this.#pump();
      },
      (error) => {
        this.#failed(name, dialling, error);
        dialling.raw?.stream.destroy();
      },
    );
  }

  /** While it is secured, that tells better what broke. */
  #broke(name: string, dialling: Dialling, error: Error): void {
    if (!dialling.isSecuring) this.#failed(name, dialling, error);
  }

  #failed(name: string, dialling: Dialling, error: unknown): void {
    if (this.#dialling.get(name) !== dialling) return;
    this.#forget(name, dialling);
    const known = asLektError(error);
    this.#errors.push(known);
    dialling.record.end("failed", known.message);
    dialling.raw?.stream.destroy();
    // The peer itself has said no: it would on every other path.
    if (known.code === "LEKT_PEER_REFUSED") this.#giveUp(this.#failure());
    this.#race.failed(name, performance.now());
    this.#pump();
  }

  /** Ends what a method does, and a path that it has. */
  #drop(name: string): void {
    const dialling = this.#dialling.get(name);
    if (!dialling) return;
    this.#forget(name, dialling);
    dialling.controller.abort();
    dialling.raw?.stream.destroy();
  }

  #forget(name: string, { id }: Dialling): void {
    this.#dialling.delete(name);
    this.#options.onAttempt(id, true);
  }

  #won(name: string): void {
    const dialling = this.#dialling.get(name);
    if (!dialling?.raw || !dialling.secured) return;
    dialling.record.end("won");
    this.#endRecords("beaten", `${name} was there first`);
    this.#forget(name, dialling);
    this.#finish();
    this.#resolve({ method: name, raw: dialling.raw, secured: dialling.secured });
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
    const { peerText: peer, trace } = this.#options;
    return peerConnectError({ peer, trace, errors: this.#errors, timeoutMs });
  }

  #aborted(): PeerConnectError {
    const { peerText, trace, signals } = this.#options;
    const cause = signals.find(({ aborted }) => aborted)?.reason;
    if (cause instanceof LektError) return new PeerConnectError(cause.code, cause.message, trace, { cause });
    return new PeerConnectError("LEKT_ABORTED", `Connecting to ${peerText} was aborted.`, trace, { cause });
  }

  #finish(): void {
    this.#timer.stop();
    for (const signal of this.#options.signals) signal.removeEventListener("abort", this.#onAbort);
  }
}

function asLektError(error: unknown): LektError {
  if (error instanceof LektError) return error;
  return new LektError("LEKT_PATH", error instanceof Error ? error.message : String(error), { cause: error });
}
