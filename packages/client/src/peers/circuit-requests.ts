import { type Circuit, encodeUtf8, LektError } from "@lekt/protocol";

/** Circuits that are asked for at once. */
export const MAX_CIRCUIT_REQUESTS = 64;
const ANSWER_TIMEOUT_MS = 5_000;
const TOKEN = /^[0-9a-f]{64}$/;
const HOST_PORT = /^\S{1,261}:\d{1,5}$/;
const REQUEST = encodeUtf8(JSON.stringify({ want: "circuit" }));

interface Waiter {
  readonly resolve: (circuit: Circuit) => void;
  readonly reject: (error: LektError) => void;
  readonly timer: NodeJS.Timeout;
}

/** Asks the server for circuits. Answers bear no number, and any of them serves whoever waits the longest. */
export class CircuitRequests {
  readonly #send: (payload: Uint8Array) => boolean;
  readonly #waiters: Waiter[] = [];

  /** @param send to the server; false where it is not reached. */
  constructor(send: (payload: Uint8Array) => boolean) {
    this.#send = send;
  }

  /** @throws LektError `LEKT_UNREACHABLE` */
  request(): Promise<Circuit> {
    return new Promise((resolve, reject) => {
      if (this.#waiters.length >= MAX_CIRCUIT_REQUESTS) {
        reject(noCircuit(`${MAX_CIRCUIT_REQUESTS} circuits are asked for already`));
      } else if (!this.#send(REQUEST)) {
        reject(noCircuit("the server is not reached, or passes no signals on"));
      } else {
        const late = () => this.#take(waiter)?.reject(noCircuit("the server did not answer"));
        const waiter = { resolve, reject, timer: setTimeout(late, ANSWER_TIMEOUT_MS) };
        this.#waiters.push(waiter);
      }
    });
  }

  /** @param answer undefined: the server gives none. */
  answered(answer: Readonly<Record<string, unknown>> | undefined): void {
    const waiter = this.#take(this.#waiters[0]);
    if (!waiter) return;
    const circuit = answer && circuitOf(answer);
    if (circuit) waiter.resolve(circuit);
    else waiter.reject(noCircuit("the server has none to give"));
  }

  /** Nobody answers any more: the connection is gone. */
  lost(): void {
    for (;;) {
      const waiter = this.#take(this.#waiters[0]);
      if (!waiter) return;
      waiter.reject(noCircuit("the connection to the server was lost"));
    }
  }

  #take(waiter: Waiter | undefined): Waiter | undefined {
    const at = waiter ? this.#waiters.indexOf(waiter) : -1;
    if (!waiter || at < 0) return undefined;
    this.#waiters.splice(at, 1);
    clearTimeout(waiter.timer);
    return waiter;
  }
}

function circuitOf(answer: Readonly<Record<string, unknown>>): Circuit | undefined {
  const { circuit: token, relay, expires } = answer;
  if (typeof token !== "string" || !TOKEN.test(token)) return undefined;
  if (typeof relay !== "string" || !HOST_PORT.test(relay) || typeof expires !== "number") return undefined;
  return { token, relay, expiresUnixSeconds: expires };
}

function noCircuit(why: string): LektError {
  return new LektError("LEKT_UNREACHABLE", `No circuit through the relay: ${why}.`);
}
