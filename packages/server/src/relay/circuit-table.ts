import { type AddressGroup, circuitExpiry, type RejectWord, toHex } from "@lekt/protocol";
import { circuitTokenFault } from "./circuit-token.ts";

/** So long a connection waits for the other one with its token (spec 8.2). */
export const LONELY_MS = 10_000;
/** Tokens that made a pair and are not expired yet; with more, newcomers are refused. */
const MAX_USED_TOKENS = 65_536;

export interface CircuitTableOptions {
  /** What server and relays share. */
  readonly key: Uint8Array;
  /** Circuits at once, those that wait for their second connection included. */
  readonly maxCircuits: number;
  /** Connections of one address (IPv6: /64). */
  readonly maxCircuitsPerAddress: number;
  /** Default 65,536. */
  readonly maxUsedTokens?: number;
  /** Default 10,000. */
  readonly lonelyMs?: number;
}

/** What becomes of a connection that presents a token. */
export type CircuitVerdict<Connection> =
  | { readonly type: "waits" }
  | { readonly type: "paired"; readonly partner: Connection }
  | { readonly type: "refused"; readonly word: RejectWord; readonly text: string };

interface Circuit<Connection> {
  readonly token: string;
  /** Those of the one or two connections that are still there. */
  readonly connections: Set<Connection>;
  readonly lonelyUntilMs: number;
  paired: boolean;
}

interface Seat<Connection> {
  readonly circuit: Circuit<Connection>;
  readonly group: AddressGroup;
}

/**
 * The heart of a relay, pure: who is paired with whom, who waits, and who is refused. The rim tells it who
 * comes and who goes, and copies the bytes.
 */
export class CircuitTable<Connection> {
  readonly #options: CircuitTableOptions;
  readonly #seats = new Map<Connection, Seat<Connection>>();
  /** By token, in the order in which they came, which is that of their deadlines. */
  readonly #waiting = new Map<string, Circuit<Connection>>();
  /** Until a token expires it must not make a second pair: token and expiry. */
  readonly #used = new Map<string, number>();
  readonly #perGroup = new Map<AddressGroup, number>();
  #circuits = 0;
  #sweptAtUnixSeconds = 0;

  constructor(options: CircuitTableOptions) {
    this.#options = options;
  }

  /** Connections that wait or are paired. */
  get connections(): number {
    return this.#seats.size;
  }

  /** When `takeLonely` is due. */
  get deadlineMs(): number {
    const [first] = this.#waiting.values();
    return first?.lonelyUntilMs ?? Number.POSITIVE_INFINITY;
  }

  /** A connection presents a token. Where it waits or is paired, `left` is to be called when it is gone. */
  arrived(
    connection: Connection,
    token: Uint8Array,
    group: AddressGroup,
    nowMs: number,
    nowUnixSeconds: number,
  ): CircuitVerdict<Connection> {
    const refusal = this.#refusal(token, group, nowUnixSeconds);
    if (refusal) return refusal;
    const key = toHex(token);
    const waiting = this.#waiting.get(key);
    if (!waiting) {
      const circuit = {
        token: key,
        connections: new Set([connection]),
        lonelyUntilMs: nowMs + (this.#options.lonelyMs ?? LONELY_MS),
        paired: false,
      };
      this.#waiting.set(key, circuit);
      this.#circuits++;
      this.#sit(connection, circuit, group);
      return { type: "waits" };
    }
    const [partner] = waiting.connections;
    waiting.connections.add(connection);
    waiting.paired = true;
    this.#waiting.delete(key);
    this.#used.set(key, circuitExpiry(token));
    this.#sit(connection, waiting, group);
    return { type: "paired", partner: partner as Connection };
  }

  /** A connection is gone. One that waited leaves its token as if it had never come. */
  left(connection: Connection): void {
    const seat = this.#seats.get(connection);
    if (!seat) return;
    this.#seats.delete(connection);
    const inGroup = (this.#perGroup.get(seat.group) ?? 0) - 1;
    if (inGroup > 0) this.#perGroup.set(seat.group, inGroup);
    else this.#perGroup.delete(seat.group);
    const { circuit } = seat;
    circuit.connections.delete(connection);
    if (!circuit.paired) this.#waiting.delete(circuit.token);
    if (circuit.connections.size === 0) this.#circuits--;
  }

  /** Those whose time to wait is over; they are gone from the table. */
  takeLonely(nowMs: number): Connection[] {
    const due: Connection[] = [];
    for (const { connections, lonelyUntilMs } of this.#waiting.values()) {
      if (lonelyUntilMs > nowMs) break;
      due.push(...connections);
    }
    for (const connection of due) this.left(connection);
    return due;
  }

  /** All that wait; they are gone from the table. */
  takeWaiting(): Connection[] {
    return this.takeLonely(Number.POSITIVE_INFINITY);
  }

  #refusal(
    token: Uint8Array,
    group: AddressGroup,
    nowUnixSeconds: number,
  ): (CircuitVerdict<Connection> & { type: "refused" }) | undefined {
    const { key, maxCircuits, maxCircuitsPerAddress, maxUsedTokens = MAX_USED_TOKENS } = this.#options;
    const refused = (word: RejectWord, text: string) => ({ type: "refused", word, text }) as const;
    const fault = circuitTokenFault(key, token, nowUnixSeconds);
    if (fault === "forged") return refused("auth", "this token is not one of this relay's server");
    if (fault === "expired") return refused("timeout", "this token has expired; ask for another one");
    this.#forgetExpired(nowUnixSeconds);
    const hex = toHex(token);
    if (this.#used.has(hex)) return refused("auth", "two connections came with this token already");
    if ((this.#perGroup.get(group) ?? 0) >= maxCircuitsPerAddress) {
      return refused("limit", `${maxCircuitsPerAddress} connections of your address are relayed already`);
    }
    if (this.#waiting.has(hex)) return undefined;
    if (this.#circuits >= maxCircuits)
      return refused("limit", `this relay is full (${maxCircuits} circuits)`);
    if (this.#used.size + this.#waiting.size >= maxUsedTokens) {
      return refused("limit", "too many circuits were made of late");
    }
    return undefined;
  }

  #sit(connection: Connection, circuit: Circuit<Connection>, group: AddressGroup): void {
    this.#seats.set(connection, { circuit, group });
    this.#perGroup.set(group, (this.#perGroup.get(group) ?? 0) + 1);
  }

  /** Once a second: an expired token is refused for that reason. */
  #forgetExpired(nowUnixSeconds: number): void {
    if (nowUnixSeconds === this.#sweptAtUnixSeconds) return;
    this.#sweptAtUnixSeconds = nowUnixSeconds;
    for (const [token, expires] of this.#used) if (nowUnixSeconds > expires) this.#used.delete(token);
  }
}
