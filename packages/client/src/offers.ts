import {
  describeMethod,
  encodeHold,
  encodeListeningPorts,
  encodeUdp,
  encodeUtf8,
  LektError,
  type LektUrl,
  type ListeningPorts,
  MAX_KNOWN_METHODS,
  METHOD,
  methodDefinition,
  safeText,
} from "@lekt/protocol";
import type { JoinOptions, Published } from "./join-options.ts";

/** Payload for each method and attribute that a client sets. */
export type Offers = ReadonlyMap<number, Uint8Array>;

const EMPTY = new Uint8Array(0);

/** Methods that `payloads` may not hold, and what to use instead. */
const OWN_OPTIONS: ReadonlyMap<number, string> = new Map([
  [METHOD.tcp, "the option tcp"],
  [METHOD.udp, "the option udp"],
  [METHOD.relay, "the option relay"],
  [METHOD.network, "the path of the URL"],
  [METHOD.token, "the option token"],
  [METHOD.identity, "the option identity"],
  [METHOD.name, "the option name"],
  [METHOD.data, "the option data"],
  [METHOD.hold, "the option holdMs"],
  [METHOD.watch, "the option watch"],
  [METHOD.resume, "nothing: it is always set"],
  [METHOD.session, "nothing: it is always set"],
  [METHOD.update, "nothing: it is always set"],
  [METHOD.signal, "nothing: it is set where there are connection methods"],
]);

/** All that does not depend on the URL. @throws LektError `LEKT_OPTION` */
export function offersOf(options: JoinOptions, holdMs: number): Offers {
  const offers = new Map(publishedOffersOf(options));
  // Always: what the server says of itself, and the sessions, tell the own entry exactly; and after a break
  // only what changed has to come.
  offers.set(METHOD.server, EMPTY);
  offers.set(METHOD.session, EMPTY);
  offers.set(METHOD.resume, EMPTY);
  offers.set(METHOD.update, EMPTY);
  if (holdMs > 0) offers.set(METHOD.hold, encodeHold(holdMs));
  if (options.methods?.length) offers.set(METHOD.signal, EMPTY);
  if (options.watch) offers.set(METHOD.watch, EMPTY);
  if (options.token !== undefined) offers.set(METHOD.token, tokenPayload(options.token));
  return offers;
}

/** What everybody sees; also what `update` may replace. @throws LektError `LEKT_OPTION` */
export function publishedOffersOf(options: Published): Offers {
  const offers = new Map<number, Uint8Array>();
  const { tcp, udp, relay, name, data, identity, payloads } = options;
  if (relay) offers.set(METHOD.relay, EMPTY);
  if (tcp !== undefined) offers.set(METHOD.tcp, portsPayload("tcp", tcp, encodeListeningPorts));
  if (udp !== undefined) offers.set(METHOD.udp, portsPayload("udp", udp, encodeUdp));
  if (name !== undefined) offers.set(METHOD.name, namePayload(name));
  if (data !== undefined) offers.set(METHOD.data, bytesPayload("data", METHOD.data, data));
  if (identity !== undefined) {
    const bytes = identity instanceof Uint8Array ? identity : identity.fingerprint;
    offers.set(METHOD.identity, bytesPayload("identity", METHOD.identity, bytes));
  }
  const further = payloads ?? new Map();
  if (!(Symbol.iterator in further)) throw badOption("payloads", typeof further, "it is not a Map");
  for (const [index, payload] of further) addFurther(offers, index, payload);
  return offers;
}

/** For one connection. The network's name comes from the URL, also from one that a server said to move to (spec 6.4.2). */
export function offersFor(own: Offers, url: LektUrl): Offers {
  const offers = new Map(own);
  return url.network === undefined ? offers : offers.set(METHOD.network, encodeUtf8(url.network));
}

/** @throws LektError `LEKT_OPTION`: "The option name is …: why." */
export function badOption(option: string, value: string, why: string): LektError {
  return new LektError("LEKT_OPTION", `The option ${option} cannot be ${value}: ${why}.`);
}

function addFurther(offers: Map<number, Uint8Array>, index: number, payload: Uint8Array): void {
  const what = `payloads, for ${describeMethod(index)},`;
  if (!Number.isInteger(index) || index < 1 || index > MAX_KNOWN_METHODS) {
    throw badOption(
      "payloads",
      `a map with the index ${index}`,
      `an index is from 1 to ${MAX_KNOWN_METHODS}`,
    );
  }
  if (index === METHOD.server) return;
  const instead = OWN_OPTIONS.get(index);
  if (instead) throw badOption(what, "set there", `use ${instead} instead`);
  offers.set(index, bytesPayload(what, index, payload));
}

function portsPayload(
  option: string,
  value: number | ListeningPorts,
  encode: (ports: ListeningPorts) => Uint8Array,
): Uint8Array {
  try {
    return encode(typeof value === "number" ? { port: value, endpoints: [] } : value);
  } catch (error) {
    const shown = typeof value === "number" ? `${value}` : safeText(JSON.stringify(value));
    throw badOption(option, shown, (error as Error).message);
  }
}

function namePayload(name: string): Uint8Array {
  if (typeof name !== "string") throw badOption("name", typeof name, "it is not a string");
  const payload = encodeUtf8(name);
  const fault = methodDefinition(METHOD.name)?.fault(payload);
  if (fault) throw badOption("name", `"${safeText(name).slice(0, 100)}"`, fault);
  return payload;
}

function bytesPayload(option: string, index: number, bytes: Uint8Array): Uint8Array {
  if (!(bytes instanceof Uint8Array)) throw badOption(option, `${typeof bytes}`, "it is not a Uint8Array");
  const fault = methodDefinition(index)?.fault(bytes);
  if (fault) throw badOption(option, `${bytes.length} bytes`, fault);
  // A copy: the offers of later connections stay the same whatever becomes of the caller's bytes.
  return new Uint8Array(bytes);
}

/** What stands in it is never shown. */
function tokenPayload(token: string | Uint8Array): Uint8Array {
  return typeof token === "string" ? encodeUtf8(token) : bytesPayload("token", METHOD.token, token);
}
