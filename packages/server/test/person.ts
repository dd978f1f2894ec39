import { encodeHold, encodeUtf8, METHOD } from "@lekt/protocol";

/** What a client in a test says of itself. */
export interface Person {
  readonly name?: string;
  readonly network?: string;
  readonly token?: string;
  readonly identity?: Uint8Array;
  readonly holdMs?: number;
  readonly watch?: boolean;
  /** It wants the server object. */
  readonly server?: boolean;
  /** It wants sessions in objects. */
  readonly session?: boolean;
  /** The token to resume with. */
  readonly resume?: Uint8Array;
  /** It may replace what it publishes. */
  readonly update?: boolean;
  /** It takes signals, where it has an identity. */
  readonly signal?: boolean;
  /** So many bytes that everybody is shown, under a number for private use. */
  readonly bulkBytes?: number;
}

const BULK_METHOD = 33;

/** Payloads by method, as a client offers them. */
export function offersOf(person: Person): Map<number, Uint8Array> {
  const offers = new Map<number, Uint8Array>();
  const text = { network: person.network, token: person.token, name: person.name };
  for (const [method, value] of Object.entries(text)) {
    if (value !== undefined) offers.set(METHOD[method as keyof typeof text], encodeUtf8(value));
  }
  if (person.identity) offers.set(METHOD.identity, person.identity);
  if (person.holdMs !== undefined) offers.set(METHOD.hold, encodeHold(person.holdMs));
  if (person.server) offers.set(METHOD.server, new Uint8Array(0));
  if (person.session) offers.set(METHOD.session, new Uint8Array(0));
  if (person.resume) offers.set(METHOD.resume, person.resume);
  if (person.update) offers.set(METHOD.update, new Uint8Array(0));
  if (person.signal) offers.set(METHOD.signal, new Uint8Array(0));
  if (person.watch) offers.set(METHOD.watch, new Uint8Array(0));
  if (person.bulkBytes !== undefined) offers.set(BULK_METHOD, new Uint8Array(person.bulkBytes));
  return offers;
}
