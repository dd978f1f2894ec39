import type { Duplex } from "node:stream";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { MethodHost, PeerTarget } from "@lekt/protocol";
import { PunchRun } from "./punch-run.ts";
import { preparePunch } from "./punch-setup.ts";
import type { UdpNetwork } from "./udp-network.ts";
import { descriptionSignal, dialingStream, failSignal, type UdpDescription } from "./udp-signal.ts";
import type { UdpSocket } from "./udp-socket.ts";

/** One round of an attempt that a peer began: answers its offer and punches from this side. */
export class UdpAcceptance {
  readonly #network: UdpNetwork;
  readonly #host: MethodHost<Duplex>;
  readonly #peer: PeerTarget;
  readonly #attempt: string;
  readonly #offer: UdpDescription;
  #answer: UdpDescription | undefined;
  #run: PunchRun | undefined;
  #isStopped = false;
  #isOpen = false;

  constructor(
    network: UdpNetwork,
    host: MethodHost<Duplex>,
    asked: { readonly peer: PeerTarget; readonly attempt: string; readonly offer: UdpDescription },
  ) {
    this.#network = network;
    this.#host = host;
    this.#peer = asked.peer;
    this.#attempt = asked.attempt;
    this.#offer = asked.offer;
  }

  get identity(): string {
    return this.#peer.identity;
  }

  /** There is a path: what remains is to confirm it once more where that was lost. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** The dialing side gave up, or began another round. */
  stop(): void {
    this.#isStopped = true;
    this.#run?.stop();
  }

  /** The dialing side has sent its first probes of a round. */
  peerBegan(round: unknown): void {
    if (round === this.#offer.round) this.#run?.peerBegan();
  }

  /**
   * Another offer of the attempt. Of this round, the dialing side has heard no answer; a round that was is not
   * begun again, since all of an attempt may send only so much to some addresses (spec 9.5.4).
   * @returns whether it is for a later round.
   */
  isFollowedBy(offer: UdpDescription): boolean {
    if (offer.secret === this.#offer.secret && this.#answer) this.#signalAnswer(this.#answer);
    return offer.round > this.#offer.round;
  }

  /** Resolves when nothing of the round is left but the stream. */
  async run(): Promise<void> {
    let socket: UdpSocket;
    try {
      socket = this.#network.socketOf(this.#offer.round);
    } catch {
      return this.#refuse("the machine has no socket to give");
    }
    try {
      await this.#punch(socket);
    } catch (error) {
      // The peer chooses ids, too, and may have taken that of this stream for another one meanwhile (spec 9.7.2).
      this.#refuse((error as Error).message);
    } finally {
      await this.#run?.over;
      this.#network.release(socket);
    }
  }

  async #punch(socket: UdpSocket): Promise<void> {
    const theirs = this.#offer;
    const own = await this.#network.describe(socket, theirs.round);
    if (this.#isStopped) return;
    const { plan, options } = preparePunch(this.#network, {
      role: "accepting",
      attempt: this.#attempt,
      peer: this.#peer,
      own,
      theirs,
    });
    const search = this.#network.searches.begin(options);
    if (!search) return this.#refuse("too many searches for a port at once");
    try {
      const isPossible = !("impossible" in plan);
      // Its first packets let in the dialing side, which begins when it has the answer.
      if (isPossible) this.#run = new PunchRun(this.#network.udx, socket, search.options);
      await nextTurn();
      if (this.#isStopped) return;
      // Also where there is no hope: by it the dialing side comes to the same result, as a rule, and to the reason.
      this.#answer = own;
      this.#signalAnswer(own);
      if (!isPossible) return this.#refuse(plan.impossible);
      const hole = await this.#run?.hole;
      if (hole && !this.#isStopped) {
        const by = { identity: this.#peer.identity, attempt: this.#attempt };
        const ids = { own: own.stream, peer: dialingStream(theirs, own) };
        this.#host.accepted(this.#network.openPath(hole, ids), by);
        this.#isOpen = true;
      }
    } finally {
      search.end();
    }
  }

  #signalAnswer(answer: UdpDescription): void {
    this.#host.signal(this.#peer.identity, descriptionSignal("answer", this.#attempt, answer));
  }

  #refuse(reason: string): void {
    this.#host.signal(this.#peer.identity, failSignal(this.#attempt, reason));
  }
}
