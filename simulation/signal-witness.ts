import { SERVER_IDENTITY, SIGNAL_BURST, SIGNAL_SPACING_MS, toHex } from "@lekt/protocol";
import { Tally } from "./tally.ts";
import { Violation } from "./violation.ts";
import type { SentSignal, Visit } from "./visit.ts";

const SERVER = toHex(SERVER_IDENTITY);
/** By so much the server may judge a rate otherwise. */
const RATE_SLACK_MS = 50;
const BURST_MS = (SIGNAL_BURST - 1) * SIGNAL_SPACING_MS;

/** A signal that the server has read. */
export interface ReadSignal extends SentSignal {
  readonly sender: Visit;
  /** Who is to get it. */
  readonly bearers: ReadonlySet<Visit>;
  readonly reached: Set<Visit>;
}

/** How far ahead of its rate a sender may be, at the least and at the most (spec 8.1.5). */
interface Rate {
  leastMs: number;
  mostMs: number;
}

/** What becomes of the signals that one server reads: the right ones get them, in order, or they come back (spec 8.1). */
export class SignalWitness {
  readonly #signals = new Map<number, ReadSignal>();
  /** How many were read and are not known to have come back, of each sender for each identity. */
  readonly #out = new Map<Visit, Tally>();
  /** How many came back, and it is not known yet which. */
  readonly #back = new Map<Visit, Tally>();
  /** The last one that went from one to the other. */
  readonly #last = new Map<Visit, Map<Visit, number>>();
  readonly #rates = new Map<Visit, Rate>();

  /** The server reads a signal. @param others who is in its network and takes signals. */
  read(sender: Visit, sent: SentSignal, others: readonly Visit[]): ReadSignal {
    const isDeaf = sent.to === SERVER || sender.signalIdentity === SERVER;
    const bearers = others.filter((visit) => visit !== sender && visit.signalIdentity === sent.to);
    const signal = {
      ...sent,
      sender,
      bearers: new Set(isDeaf ? [] : bearers),
      reached: new Set<Visit>(),
    };
    this.#signals.set(sent.id, signal);
    tallyOf(this.#out, sender).add(sent.to, 1);
    return signal;
  }

  /** The server writes a signal to a client. @throws Violation */
  written(receiver: Visit, identity: string, payload: Uint8Array): void {
    if (payload.length === 0) this.#cameBack(receiver, identity);
    else this.#reached(receiver, identity, signalId(payload));
  }

  /** The server has done what it does with one. @param mayWait whether a link that is full excuses a delay. */
  handled(signal: ReadSignal, mayWait: boolean, nowMs: number): void {
    const { sender, bearers, reached, to } = signal;
    const rate = this.#rates.get(sender) ?? { leastMs: 0, mostMs: 0 };
    this.#rates.set(sender, rate);
    const isOver = rate.leastMs - nowMs > BURST_MS + RATE_SLACK_MS;
    const isWithin = rate.mostMs - nowMs <= BURST_MS - RATE_SLACK_MS;
    const spentMs = (copies: number) => Math.max(1, copies) * SIGNAL_SPACING_MS;
    if (!isOver) rate.mostMs = Math.max(rate.mostMs, nowMs) + spentMs(bearers.size);
    if (isWithin || reached.size > 0) rate.leastMs = Math.max(rate.leastMs, nowMs) + spentMs(reached.size);
    if (isOver && reached.size > 0) throw new Violation("a signal over the rate was passed on");
    if (mayWait) return;
    const cameBack = reached.size === 0 && tallyOf(this.#back, sender).of(to) > 0;
    if (cameBack) tallyOf(this.#back, sender).add(to, -1);
    if (!cameBack && reached.size < Math.max(1, bearers.size))
      throw new Violation(`a signal reached ${reached.size} of ${bearers.size}, and did not come back`);
    if (cameBack && isWithin && bearers.size > 0)
      throw new Violation(`a signal for ${bearers.size} came back`);
  }

  #cameBack(receiver: Visit, identity: string): void {
    const out = tallyOf(this.#out, receiver);
    if (out.of(identity) === 0) throw new Violation("more signals came back than were sent");
    out.add(identity, -1);
    tallyOf(this.#back, receiver).add(identity, 1);
  }

  #reached(receiver: Visit, identity: string, id: number): void {
    const signal = this.#signals.get(id);
    if (!signal) throw new Violation("a signal that nobody sent");
    const { sender, bearers, reached, to } = signal;
    if (!bearers.has(receiver)) throw new Violation("a signal for somebody else");
    if (reached.has(receiver)) throw new Violation("a signal came twice");
    if (identity !== sender.signalIdentity) throw new Violation("a signal in the name of another one");
    const last = this.#last.get(sender) ?? new Map<Visit, number>();
    this.#last.set(sender, last);
    if (id < (last.get(receiver) ?? 0)) throw new Violation("signals from one to the other out of order");
    last.set(receiver, id);
    if (reached.size === 0) tallyOf(this.#out, sender).add(to, -1);
    reached.add(receiver);
  }
}

function tallyOf(tallies: Map<Visit, Tally>, visit: Visit): Tally {
  const tally = tallies.get(visit) ?? new Tally();
  tallies.set(visit, tally);
  return tally;
}

/** A signal as it was written, to be found again where it arrives. */
export function signalWords(identity: Uint8Array, payload: Uint8Array): string {
  return `${payload.length === 0 ? "back" : signalId(payload)} ${toHex(identity)}`;
}

/** Signals are told apart by the number in their first four bytes. */
export function signalId(payload: Uint8Array): number {
  return new DataView(payload.buffer, payload.byteOffset).getUint32(0);
}
