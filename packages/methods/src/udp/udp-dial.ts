import { setMaxListeners } from "node:events";
import type { Duplex } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { type DialAttempt, LektError, type MethodHost, type PeerSignal, type RawPath } from "@lekt/protocol";
import { AnswerTries } from "../network/answer-tries.ts";
import { aborted, abortSignal } from "../network/cancellation.ts";
import { isContested } from "../network/contested-peers.ts";
import { endpointText } from "../network/endpoint-text.ts";
import { allTried } from "../network/found-paths.ts";
import { PunchRun } from "./punch-run.ts";
import { preparePunch } from "./punch-setup.ts";
import type { UdpNetwork } from "./udp-network.ts";
import {
  descriptionSignal,
  dialingStream,
  failSignal,
  goSignal,
  MAX_ROUNDS,
  readDescription,
  readReason,
  type UdpDescription,
} from "./udp-signal.ts";
import type { UdpSocket } from "./udp-socket.ts";

/** The peer asks its STUN servers before it answers, which takes it 2 s where none answers. */
const ANSWER_TIMEOUT_MS = 6_000;
/** Where others show the peer's identity, all who are there have answered by then. */
const OTHER_ANSWERS_MS = 3_000;
/** Signals may be lost, and a peer leaves an offer alone as long as its roster lacks who makes it. */
const OFFER_INTERVAL_MS = 500;

/** Dials one peer: rounds of offer, answer and punching, until there is a path or no hope. */
export class UdpDial {
  readonly #network: UdpNetwork;
  readonly #host: MethodHost<Duplex>;
  readonly #attempt: DialAttempt;
  readonly #ended = new AbortController();
  #answered: ((answer: UdpDescription) => void) | undefined;
  #round = 0;
  #isTold = false;

  constructor(network: UdpNetwork, host: MethodHost<Duplex>, attempt: DialAttempt) {
    this.#network = network;
    this.#host = host;
    this.#attempt = attempt;
    // Each answer that is followed listens.
    setMaxListeners(0, this.#ended.signal);
    const signal = abortSignal(attempt.signal);
    signal.addEventListener("abort", () => this.#ended.abort(aborted()), { signal: this.#ended.signal });
    if (signal.aborted) this.#ended.abort(aborted());
  }

  get peer(): string {
    return this.#attempt.peer.identity;
  }

  received(message: PeerSignal): void {
    if (message.type === "fail") {
      this.#isTold = !this.#isContested;
      // Behind the peer's answer: what this side makes of that comes first, as its own view of the reason.
      setImmediate(() => this.refused(`the peer gave up: ${readReason(message)}`));
    } else if (message.type === "answer") {
      const answer = readDescription(message);
      if (answer?.round === this.#round) this.#answered?.(answer);
    }
  }

  /** The peer says so, or somebody in its name. */
  refused(reason: string): void {
    if (this.#isContested) this.#attempt.note(reason);
    else this.fail(reason);
  }

  fail(reason: string): void {
    this.#ended.abort(noPath(reason));
  }

  /** Resolves when there is a path; where others show the peer's identity, when all who answer were tried. */
  async run(onPath: (path: RawPath<Duplex>) => void): Promise<void> {
    try {
      let paths = 0;
      let hasHeard = false;
      const opened = (path: RawPath<Duplex>) => {
        paths++;
        onPath(path);
      };
      for (; this.#round < MAX_ROUNDS && (paths === 0 || this.#isContested); this.#round++) {
        if (await this.#tryRound(opened)) hasHeard = true;
      }
      if (paths === 0)
        throw noPath(
          hasHeard ? "the peer's packets came through, and ours did not" : "no packet came through",
        );
    } catch (error) {
      if (!this.#isTold) {
        const reason = error instanceof LektError ? error.message : "it cannot go on";
        this.#host.signal(this.peer, failSignal(this.#attempt.id, reason));
      }
      throw error;
    } finally {
      this.#ended.abort();
    }
  }

  get #isContested(): boolean {
    return isContested(this.#attempt.peer);
  }

  /** @returns whether at least one packet of the peer came. */
  async #tryRound(opened: (path: RawPath<Duplex>) => void): Promise<boolean> {
    const socket = this.#network.socketOf(this.#round);
    try {
      return await this.#tryFrom(socket, opened);
    } finally {
      // Where it carries the stream, it closes after it.
      this.#network.release(socket);
    }
  }

  async #tryFrom(socket: UdpSocket, opened: (path: RawPath<Duplex>) => void): Promise<boolean> {
    const own = await this.#unlessEnded(this.#network.describe(socket, this.#round));
    const punches = new AnswerTries();
    let hasHeard = false;
    const onAnswer = (theirs: UdpDescription) => {
      punches.follow(theirs.secret, async (displaced) => {
        try {
          if (await this.#punch(socket, { own, theirs }, displaced, opened)) hasHeard = true;
        } catch (error) {
          if (this.#isContested) this.#attempt.note((error as Error).message);
          throw error;
        }
      });
    };
    try {
      await this.#offer(own, onAnswer);
      await this.#unlessEnded(allTried(() => punches.all));
      return hasHeard;
    } finally {
      this.#answered = undefined;
    }
  }

  /** @returns whether a packet of the peer came. */
  async #punch(
    socket: UdpSocket,
    { own, theirs }: { readonly own: UdpDescription; readonly theirs: UdpDescription },
    displaced: AbortSignal,
    opened: (path: RawPath<Duplex>) => void,
  ): Promise<boolean> {
    const { id, peer } = this.#attempt;
    const { targets, refused, plan, options } = preparePunch(this.#network, {
      role: "dialing",
      attempt: id,
      peer,
      own,
      theirs,
    });
    this.#attempt.note(`address translation: ${own.nat} here, ${theirs.nat} there; round ${this.#round + 1}`);
    for (const { address, port, kind } of targets)
      this.#attempt.candidate(`udp ${endpointText(address, port)}, ${kind}`);
    for (const { candidate, reason } of refused)
      this.#attempt.note(`not tried: ${endpointText(candidate.address, candidate.port)}: ${reason}`);
    if ("impossible" in plan) throw noPath(plan.impossible);
    const search = this.#network.searches.begin(options);
    if (!search) throw noPath("too many searches for a port at once");
    const run = new PunchRun(this.#network.udx, socket, search.options);
    displaced.addEventListener("abort", () => run.stop(), { once: true });
    try {
      // Packets leave at the end of the turn, and the word must not be there before them.
      setImmediate(() => this.#host.signal(peer.identity, goSignal(id, own.round)));
      const hole = await this.#unlessEnded(run.hole);
      if (!hole) return run.hasHeard;
      if (run.usesManySockets) this.#attempt.note("found by the many-socket method");
      opened(this.#network.openPath(hole, { own: dialingStream(own, theirs), peer: theirs.stream }));
      return true;
    } finally {
      search.end();
      run.stop();
    }
  }

  /** Resolves with the first answer; where others show the peer's identity, when the others had time for theirs. */
  async #offer(own: UdpDescription, onAnswer: (answer: UdpDescription) => void): Promise<void> {
    const answered = new Promise<void>((resolve) => {
      this.#answered = (answer) => {
        onAnswer(answer);
        resolve();
      };
    });
    const offer = () => this.#host.signal(this.peer, descriptionSignal("offer", this.#attempt.id, own));
    offer();
    const again = setInterval(offer, OFFER_INTERVAL_MS);
    const timer = setTimeout(() => this.fail("it does not answer"), ANSWER_TIMEOUT_MS);
    const others = this.#isContested
      ? sleep(OTHER_ANSWERS_MS, undefined, { signal: this.#ended.signal })
      : undefined;
    return this.#unlessEnded(Promise.all([answered, others]).then(() => {})).finally(() => {
      clearInterval(again);
      clearTimeout(timer);
    });
  }

  async #unlessEnded<Result>(promise: Promise<Result>): Promise<Result> {
    const { signal } = this.#ended;
    promise.catch(() => {});
    signal.throwIfAborted();
    return new Promise((resolve, reject) => {
      const onAbort = () => reject(signal.reason);
      signal.addEventListener("abort", onAbort, { once: true });
      promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
    });
  }
}

function noPath(reason: string): LektError {
  return new LektError("LEKT_CONNECT", `Cannot reach the peer by udp: ${reason}.`);
}
