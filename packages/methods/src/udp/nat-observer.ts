import { randomBytes } from "node:crypto";
import {
  decodeBindingResponse,
  type Endpoint,
  encodeBindingRequest,
  isStunPacket,
  parseIpv4,
  STUN_TRANSACTION_ID_BYTES,
  toHex,
} from "@lekt/protocol";
import type { NatKind } from "./udp-signal.ts";

/** A lost request or answer is no proof of anything: four of them are. */
const REQUEST_TIMES_MS = [0, 200, 600, 1_200];
export const STUN_TIMEOUT_MS = 2_000;
/** Servers that are asked at once. */
const MAX_STUN_SERVERS = 4;

/** What STUN servers say of a socket. */
export interface NatObservation {
  readonly nat: NatKind;
  /** The socket's addresses as seen from outside. */
  readonly reflexive: readonly Endpoint[];
}

/** Asks STUN servers how they see one socket (spec 9.7.3). */
export class NatObserver {
  readonly #send: (to: Endpoint, bytes: Uint8Array) => void;
  readonly #waiting = new Map<string, (mapped: Endpoint | undefined) => void>();

  constructor(send: (to: Endpoint, bytes: Uint8Array) => void) {
    this.#send = send;
  }

  /** @returns whether the datagram was one of STUN. */
  receive(datagram: Uint8Array): boolean {
    if (!isStunPacket(datagram)) return false;
    const response = decodeBindingResponse(datagram);
    if (response) this.#waiting.get(toHex(response.transactionId))?.(response.mapped);
    return true;
  }

  async observe(servers: readonly Endpoint[]): Promise<NatObservation> {
    const asked = servers.slice(0, MAX_STUN_SERVERS);
    const answers = await Promise.all(asked.map((server) => this.#ask(server)));
    return judgeAnswers(answers);
  }

  /** No answers come any more. */
  close(): void {
    for (const resolve of this.#waiting.values()) resolve(undefined);
  }

  #ask(server: Endpoint): Promise<Endpoint | undefined> {
    const transactionId = randomBytes(STUN_TRANSACTION_ID_BYTES);
    const key = toHex(transactionId);
    const request = encodeBindingRequest(transactionId);
    return new Promise((resolve) => {
      const timers = REQUEST_TIMES_MS.map((ms) => setTimeout(() => this.#send(server, request), ms));
      const finish = (mapped: Endpoint | undefined) => {
        for (const timer of timers) clearTimeout(timer);
        this.#waiting.delete(key);
        resolve(mapped);
      };
      timers.push(setTimeout(() => finish(undefined), STUN_TIMEOUT_MS));
      this.#waiting.set(key, finish);
    });
  }
}

/** @param answers one for each server that was asked, undefined where it was silent */
export function judgeAnswers(answers: readonly (Endpoint | undefined)[]): NatObservation {
  const reflexive: Endpoint[] = [];
  for (const answer of answers) {
    if (answer && !reflexive.some((known) => isSame(known, answer))) reflexive.push(answer);
  }
  const ipv4 = answers.filter((answer) => answer && parseIpv4(answer.address) !== undefined) as Endpoint[];
  const isMany = ipv4.some((answer) => !isSame(answer, ipv4[0] as Endpoint));
  if (answers.length > 0 && reflexive.length === 0) return { nat: "blocked", reflexive };
  if (ipv4.length < 2) return { nat: "unknown", reflexive };
  return { nat: isMany ? "symmetric" : "independent", reflexive };
}

function isSame(a: Endpoint, b: Endpoint): boolean {
  return a.address === b.address && a.port === b.port;
}
