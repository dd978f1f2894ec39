import {
  addressGroup,
  encodeClientObject,
  isAskedFor,
  isPublished,
  METHOD,
  type RosterAddress,
  rosterAddress,
} from "@lekt/protocol";

/** Who takes part: an address, what is offered to the server, and how it behaves. */
export interface Person {
  readonly name: string;
  /** As the server's system sees it. */
  readonly address: string;
  readonly network: string;
  /** Payloads by method, `network` included. */
  readonly offers: ReadonlyMap<number, Uint8Array>;
  /** Breaks rules on purpose: it may be dropped for that. */
  readonly isRogue: boolean;
}

/** What the rest of the network sees of a person, as the key that `RosterEntry` has, made without the server's code. */
export function keyOf(address: string, offers: ReadonlyMap<number, Uint8Array>): string {
  const { ip, ipv6 } = addressOf(address);
  const methods = [...offers]
    .filter(([index]) => isAskedFor(index) && isPublished(index))
    .map(([index, payload]) => ({ index, payload }));
  if (ipv6) methods.push({ index: METHOD.ipv6, payload: ipv6 });
  methods.sort((a, b) => a.index - b.index);
  return Buffer.from(encodeClientObject({ ip, methods })).toString("latin1");
}

export function addressOf(address: string): RosterAddress {
  const known = rosterAddress(address);
  if (!known) throw new Error(`${address} is no address`);
  return known;
}

/** What limits for each address count by. */
export function groupOf(address: string): string {
  return String(addressGroup(addressOf(address)));
}
