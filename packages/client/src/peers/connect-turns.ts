import { DeadlineTimer } from "../deadline-timer.ts";
import { SignalBudget, type SignalShare } from "./signal-budget.ts";

/** Lets connects begin in the order in which they were called, no faster than the server takes their signals. */
export class ConnectTurns {
  readonly #budget = new SignalBudget(performance.now());
  readonly #waiting = new Set<(share: SignalShare) => void>();
  readonly #timer = new DeadlineTimer(() => this.#letBegin());

  /** Waits for a turn; whoever is called off has it at once, to end. @returns to be given back by `end` */
  begin(signals: readonly AbortSignal[]): Promise<SignalShare> {
    return new Promise((resolve) => {
      const calledOff = () => go({ sent: 0, reservedUntilMs: 0 });
      const go = (share: SignalShare) => {
        this.#waiting.delete(go);
        for (const signal of signals) signal.removeEventListener("abort", calledOff);
        resolve(share);
      };
      for (const signal of signals) signal.addEventListener("abort", calledOff);
      this.#waiting.add(go);
      if (signals.some(({ aborted }) => aborted)) calledOff();
      this.#letBegin();
    });
  }

  end(share: SignalShare): void {
    this.#budget.end(share);
    this.#letBegin();
  }

  /** A signal went out. @param share of the connect that it is for; none where it answers a peer */
  sent(share?: SignalShare): void {
    this.#budget.sent(performance.now(), share);
  }

  #letBegin(): void {
    for (const go of this.#waiting) {
      const share = this.#budget.begin(performance.now());
      if (!share) {
        this.#timer.set(this.#budget.retryMs);
        return;
      }
      go(share);
    }
    this.#timer.stop();
  }
}
