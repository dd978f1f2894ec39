import { randomBytes } from "node:crypto";
import { toHex } from "@lekt/protocol";
import type { CircuitGrant } from "../services.ts";
import { CIRCUIT_RANDOM_BYTES, mintCircuitToken } from "./circuit-token.ts";

/** So long both peers have to get to the relay, whose clock may be another one. */
export const CIRCUIT_TOKEN_SECONDS = 120;

/** Gives circuits to clients. It keeps nothing: a token proves itself. */
export class CircuitIssuer {
  readonly #key: Uint8Array;
  readonly #random: (bytes: number) => Uint8Array;

  /** @param key the relay's, too. */
  constructor(key: Uint8Array, random: (bytes: number) => Uint8Array = randomBytes) {
    this.#key = key;
    this.#random = random;
  }

  /** @param relay host:port where this client reaches the relay. */
  issue(nowUnixSeconds: number, relay: string): CircuitGrant {
    const expires = nowUnixSeconds + CIRCUIT_TOKEN_SECONDS;
    const token = mintCircuitToken(this.#key, expires, this.#random(CIRCUIT_RANDOM_BYTES));
    return { circuit: toHex(token), relay, expires };
  }
}
