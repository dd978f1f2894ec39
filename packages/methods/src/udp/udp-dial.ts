import type { Duplex } from "node:stream";
import { type DialAttempt, LektError, type MethodHost, type PeerSignal, type RawPath } from "@lekt/protocol";
import { aborted, abortSignal } from "../network/cancellation.ts";
import { endpointText } from "../network/endpoint-text.ts";
import { PunchRun } from "./punch-run.ts";
import { preparePunch } from "./punch-setup.ts";
import type { UdpNetwork } from "./udp-network.ts";
import {
  descriptionSignal,
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
    const signal = abortSignal(attempt.signal);
    signal.addEventListener("abort", () => this.#ended.abort(aborted()), { signal: this.#ended.signal });
    if (signal.aborted) this.#ended.abort(aborted());
  }

  get peer(): string {
    return this.#attempt.peer.identity;
  }

  received(message: PeerSignal): void {
    if (message.type === "fail") {
      this.#isTold = true;
      // Behind the peer's answer: what this side makes of that comes first, as its own view of the reason.
      setImmediate(() => this.fail(`the peer gave up: ${readReason(message)}`));
    } else if (message.type === "answer") {
      const answer = readDescription(message);
      if (answer?.round === this.#round) this.#answered?.(answer);
    }
  }

  fail(reason: string): void {
    this.#ended.abort(noPath(reason));
  }

  async run(): Promise<RawPath<Duplex>> {
    try {
      let hasHeard = false;
      for (; this.#round < MAX_ROUNDS; this.#round++) {
        const result = await this.#tryRound();
        if (typeof result !== "boolean") return result;
        hasHeard ||= result;
      }
      throw noPath(hasHeard ? "the peer's packets came through, and ours did not" : "no packet came through");
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

  /** @returns the path, or whether at least one packet of the peer came. */
  async #tryRound(): Promise<RawPath<Duplex> | boolean> {
    const socket = this.#network.socketOf(this.#round);
    try {
      return await this.#tryFrom(socket);
    } finally {
      // Where it carries the stream, it closes after it.
      this.#network.release(socket);
    }
  }

  async #tryFrom(socket: UdpSocket): Promise<RawPath<Duplex> | boolean> {
    const { id, peer } = this.#attempt;
    const own = await this.#unlessEnded(this.#network.describe(socket, this.#round));
    const theirs = await this.#offer(own);
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
    try {
      // Packets leave at the end of the turn, and the word must not be there before them.
      setImmediate(() => this.#host.signal(peer.identity, goSignal(id, own.round)));
      const hole = await this.#unlessEnded(run.hole);
      if (!hole) return run.hasHeard;
      if (run.usesManySockets) this.#attempt.note("found by the many-socket method");
      return this.#network.openPath(hole, own, theirs);
    } finally {
      search.end();
      run.stop();
    }
  }

  async #offer(own: UdpDescription): Promise<UdpDescription> {
    const answer = new Promise<UdpDescription>((resolve) => {
      this.#answered = resolve;
    });
    const offer = () => this.#host.signal(this.peer, descriptionSignal("offer", this.#attempt.id, own));
    offer();
    const again = setInterval(offer, OFFER_INTERVAL_MS);
    const timer = setTimeout(() => this.fail("it does not answer"), ANSWER_TIMEOUT_MS);
    return this.#unlessEnded(answer).finally(() => {
      clearInterval(again);
      clearTimeout(timer);
    });
  }

  async #unlessEnded<Result>(promise: Promise<Result>): Promise<Result> {
    const { signal } = this.#ended;
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
