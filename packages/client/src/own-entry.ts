import {
  type ClientObject,
  equalBytes,
  fromHex,
  isPublished,
  METHOD,
  type MethodInfo,
  payloadOf,
  type RosterAddress,
  rosterAddress,
  toHex,
} from "@lekt/protocol";
import type { Offers } from "./offers.ts";

/** What a client knows of how a server sees it. */
export interface OwnFacts {
  readonly offers: Offers;
  /** The methods that the server asked for. */
  readonly asked: readonly number[];
  /** The address that the server told (spec/methods.md, 23). */
  readonly toldAddress: string | undefined;
  /** The session that the server told, 16 hex digits. */
  readonly toldSession: string | undefined;
  /** The address of this end of the connection. */
  readonly localAddress: string | undefined;
  /** Whether the roster has a client with this session. */
  readonly hasSession?: (session: Uint8Array) => boolean;
}

/** Distinct objects in a roster, by their key. */
export type KeyedObjects = Iterable<readonly [key: string, object: ClientObject]>;

/**
 * Finds the own entry in the roster of one connection (spec 5.2.3). Equal entries have one key: which of
 * identical twins one is does not matter.
 */
export class OwnEntry {
  readonly #methods: readonly MethodInfo[];
  readonly #identity: Uint8Array | undefined;
  readonly #told: RosterAddress | undefined;
  readonly #local: RosterAddress | undefined;
  readonly #hasSession: OwnFacts["hasSession"];
  /** The session that the server told, 16 hex digits. */
  readonly session: string | undefined;

  constructor({ offers, asked, toldAddress, toldSession, localAddress, hasSession }: OwnFacts) {
    this.session = toldSession;
    this.#hasSession = hasSession;
    this.#methods = asked
      .filter(isPublished)
      .map((index) => ({ index, payload: offers.get(index) as Uint8Array }))
      .sort((a, b) => a.index - b.index);
    this.#identity = asked.includes(METHOD.identity) ? offers.get(METHOD.identity) : undefined;
    this.#told = toldAddress === undefined ? undefined : rosterAddress(toldAddress);
    this.#local = localAddress === undefined ? undefined : rosterAddress(localAddress);
  }

  /** Whether the object is this connection's; false also where that cannot be told. */
  has(object: ClientObject): boolean {
    const session = payloadOf(object, METHOD.session);
    return session !== undefined && toHex(session) === this.session;
  }

  /** Whether the connection with this session is gone; false also where that cannot be told. */
  isGone(session: string | undefined): boolean {
    const bytes = session === undefined ? undefined : fromHex(session);
    return bytes !== undefined && this.#hasSession?.(bytes) === false;
  }

  /**
   * @param earlier the key of the entry that was the own one until now: where more than one could be it,
   * it still is.
   * @returns the key of the own entry, or undefined where it cannot be told.
   */
  find(objects: KeyedObjects, earlier?: string): string | undefined {
    const equal = new Set<string>();
    const here = new Set<string>();
    const identical = new Set<string>();
    let atTold: string | undefined;
    for (const [key, object] of objects) {
      if (this.has(object)) return key;
      if (this.#hasIdentity(object)) identical.add(key);
      if (!this.#hasMethods(object)) continue;
      if (this.#told && hasAddress(object, this.#told)) atTold ??= key;
      equal.add(key);
      if (this.#local && hasAddress(object, this.#local)) here.add(key);
    }
    // Only where no session told it: what was replaced before the first roster looks like another one here.
    if (atTold !== undefined) return atTold;
    // A plain server does not tell what it sees: the best guess that is not ambiguous.
    const candidates = [...(this.#identity ? identical : equal)];
    for (const narrower of [here, equal, identical]) {
      const choice = candidates.filter((key) => narrower.has(key));
      if (choice.length === 1) return choice[0];
      if (earlier !== undefined && choice.includes(earlier)) return earlier;
    }
    return undefined;
  }

  #hasIdentity(object: ClientObject): boolean {
    if (!this.#identity) return false;
    const identity = payloadOf(object, METHOD.identity);
    return identity !== undefined && equalBytes(identity, this.#identity);
  }

  /** `ipv6` and the session are the server's additions. */
  #hasMethods(object: ClientObject): boolean {
    let matched = 0;
    for (const { index, payload } of object.methods) {
      if (index === METHOD.ipv6 || index === METHOD.session) continue;
      const own = this.#methods[matched++];
      if (own?.index !== index || !equalBytes(own.payload, payload)) return false;
    }
    return matched === this.#methods.length;
  }
}

function hasAddress(object: ClientObject, address: RosterAddress): boolean {
  if (object.ip !== address.ip) return false;
  const ipv6 = payloadOf(object, METHOD.ipv6);
  return ipv6 && address.ipv6 ? equalBytes(ipv6, address.ipv6) : ipv6 === address.ipv6;
}
