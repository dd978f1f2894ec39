import type { PunchOptions } from "./punch.ts";

/** With 256 sockets each. */
export const MAX_SOCKET_SEARCHES = 2;
/** With a packet every 5 to 10 ms each. */
export const MAX_PORT_SEARCHES = 16;
/** … and of these, at one address: one to two hundred packets a second each come to whoever shares it. */
export const MAX_PORT_SEARCHES_OF_AN_ADDRESS = 2;

export interface PortSearch {
  /** Those that were asked for, or without the search. */
  readonly options: PunchOptions;
  end(): void;
}

/** Bounds how many punches at once use the many-socket method: a peer that says its network is symmetric asks for it (spec 9.7.6). */
export class PortSearches {
  #socketSearches = 0;
  /** The roster's addresses at which a port is searched for, one entry for each search. */
  readonly #portSearches: string[] = [];

  /** @returns undefined where this one would need hundreds of sockets more. To be ended once. */
  begin(options: PunchOptions): PortSearch | undefined {
    const { manySockets, rosterAddress } = options;
    if (manySockets === "here") {
      if (this.#socketSearches >= MAX_SOCKET_SEARCHES) return undefined;
      this.#socketSearches++;
      return { options, end: () => this.#socketSearches-- };
    }
    if (manySockets === "neither" || rosterAddress === undefined) return { options, end() {} };
    const there = this.#portSearches.filter((address) => address === rosterAddress).length;
    // Where the translators let it, the peer is met without a search as well.
    if (this.#portSearches.length >= MAX_PORT_SEARCHES || there >= MAX_PORT_SEARCHES_OF_AN_ADDRESS)
      return { options: { ...options, manySockets: "neither" }, end() {} };
    this.#portSearches.push(rosterAddress);
    return {
      options,
      end: () => void this.#portSearches.splice(this.#portSearches.indexOf(rosterAddress), 1),
    };
  }
}
