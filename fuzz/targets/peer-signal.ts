import { isIP, isIPv6 } from "node:net";
import type { PeerSignal } from "@lekt/protocol";
import { strictText } from "@lekt/testkit";
import { decodePeerSignal } from "../../packages/client/src/peers/peer-signal.ts";
import { formatRelayAddress, parseRelayAddress } from "../../packages/methods/src/relay/relay-address.ts";
import { readOffer } from "../../packages/methods/src/relay/relay-signals.ts";
import { readDescription, readReason } from "../../packages/methods/src/udp/udp-signal.ts";
import { type FuzzInput, inputOf } from "../engine/fuzz-input.ts";
import { check, type FuzzTarget, type Note } from "../engine/fuzz-target.ts";
import { isSame } from "../models/equality.ts";
import { editedJson } from "./json-edits.ts";
import { ODD_CHARACTERS, words } from "./text-input.ts";

const HEAD = '"v":1,"attempt":"0123456789abcdef"';
const OFFER = `"type":"offer","method":"udp","round":0,"secret":"000102030405060708090a0b0c0d0e0f","stream":305419896`;
const CANDIDATE = '{"kind":"reflexive","address":"203.0.113.21","port":40001}';
const TOKEN = "69c47778a0a1a2a3a4a5a6a7a8a9aaab2635354599677a2226d50c62a1457859";
const SIGNALS = [
  `{${HEAD},${OFFER},"nat":"independent","candidates":[${CANDIDATE},{"kind":"host","address":"10.1.0.11","port":5000}]}`,
  `{${HEAD},${OFFER},"nat":"symmetric","round":2,"candidates":[{"kind":"host","address":"::ffff:10.0.0.1","port":1},null,[]]}`,
  `{${HEAD},${OFFER},"nat":"blocked","candidates":[${new Array(16).fill(CANDIDATE)}]}`,
  `{${HEAD},"type":"fail","method":"udp","reason":"too many attempts at once"}`,
  `{${HEAD},"type":"offer","method":"tcp","port":40001}`,
  `{${HEAD},"type":"offer","method":"relay","token":"${TOKEN}","relay":"relay.example:15358"}`,
  `{${HEAD},"type":"offer","method":"relay","token":"${TOKEN}","relay":"[2001:db8::1]:65535"}`,
  `{${HEAD},"type":"go","method":"tcp","__proto__":{"port":1}}`,
  "[]",
  "null",
];

export const PEER_SIGNALS = { decodePeerSignal, readDescription, readOffer };

export function peerSignalTarget(name: string, signals: typeof PEER_SIGNALS = PEER_SIGNALS): FuzzTarget {
  const run = (input: FuzzInput, note: Note) => {
    const bytes = editedJson(input.bytes, input.calls);
    const signal = signals.decodePeerSignal(bytes);
    const json = naiveSignal(bytes);
    check((signal !== undefined) === (json !== undefined), "a signal is judged otherwise");
    if (!signal || !json) return;
    check(isSame({ ...signal }, json), "a signal says something else");
    const description = signals.readDescription(signal);
    note(`${signal.type.length > 9} ${description?.nat} ${description?.candidates.length}`);
    check(isSame(description, naiveDescription(json)), `a description: ${JSON.stringify(description)}`);
    checkReason(readReason(signal), signal);
    const offer = signals.readOffer(signal);
    const { token, relay } = json;
    const isToken = isShort(token, 64) && token.length === 64 && [...token].every(isHexDigit);
    const isOffer = isToken && isShort(relay, 300);
    check((offer !== undefined) === isOffer, "an offer of a relay is judged otherwise");
    if (!offer) return;
    check(Buffer.from(offer.token).toString("hex") === token && offer.relay === relay, "another offer");
    checkRelay(offer.relay, note);
  };
  return {
    name,
    oracle: "signals of peers for udp and relay are judged and read as spec 9.5, 9.7.2 and 9.8 say",
    takesSplits: false,
    takesCalls: true,
    maxBytes: 17_000,
    dictionary: [
      ...words('"v":', '"port":', '"candidates":[', CANDIDATE, '"round":2', '"round":3', '"stream":0', "{}"),
      ...words(
        "4294967295",
        "4294967296",
        "65535",
        "65536",
        "1.5",
        "1e0",
        "-0",
        "null",
        "[]",
        "[[[[",
        "]]]]",
      ),
      ...words(
        "fe80::1%eth0",
        "::1",
        "1.2.3",
        "mapped",
        "unknown",
        "\\n",
        "\\ud800",
        '"__proto__":',
        "[::]:0",
      ),
      ...ODD_CHARACTERS,
    ],
    seeds: () => words(...SIGNALS).flatMap((bytes) => [inputOf(bytes), inputOf(bytes, Uint8Array.of(4, 5))]),
    run,
  };
}

type Json = Readonly<Record<string, unknown>>;

/** Spec 9.5.1, and no more than 16,384 bytes (8.1.2). A type is one of those that a method knows: a short text. */
function naiveSignal(bytes: Uint8Array): Json | undefined {
  try {
    const json: unknown = JSON.parse(strictText(bytes) ?? "");
    if (json === null || typeof json !== "object" || Array.isArray(json)) return undefined;
    const { v, type, attempt, method } = json as Json;
    const isAttempt = isShort(attempt, 16) && attempt.length === 16 && [...attempt].every(isHexDigit);
    const isSignal = v === 1 && isShort(type, 32) && isAttempt && isShort(method, 16_384);
    return isSignal && bytes.length <= 16_384 ? (json as Json) : undefined;
  } catch {
    return undefined;
  }
}

/** The table of spec 9.7.2. */
function naiveDescription(json: Json): unknown {
  const { round, secret, stream, nat, candidates } = json;
  const isSecret = typeof secret === "string" && secret.length === 32 && [...secret].every(isHexDigit);
  const isStream = typeof stream === "number" && stream >>> 0 === stream && stream > 0;
  const isNat = ["independent", "symmetric", "unknown", "blocked"].some((kind) => kind === nat);
  const isWhole = [0, 1, 2].some((number) => number === round) && isSecret && isStream && isNat;
  if (!isWhole || !Array.isArray(candidates) || candidates.length > 16) return undefined;
  return { round, secret, stream, nat, candidates: candidates.filter(isCandidate).map(knownKeys) };
}

function isCandidate(json: unknown): boolean {
  const { kind, address, port } = (json ?? {}) as Json;
  const isKind = kind === "host" || kind === "reflexive" || kind === "mapped";
  const isAddress = typeof address === "string" && isIP(address) > 0 && !address.includes("%");
  return isKind && isAddress && typeof port === "number" && port > 0 && port < 65_536 && port % 1 === 0;
}

function knownKeys({ kind, address, port }: Json): Json {
  return { kind, address, port };
}

function isHexDigit(character: string): boolean {
  return "0123456789abcdef".includes(character);
}

function isShort(value: unknown, most: number): value is string {
  return typeof value === "string" && value.length <= most;
}

function checkReason(reason: string, signal: PeerSignal): void {
  check(reason.length <= 200 && !/[^ -~]/.test(reason), `a reason that is unsafe to show: ${reason}`);
  if (isShort(signal["reason"], 200) && /^[ -~]*$/.test(signal["reason"]))
    check(reason === signal["reason"], "a reason is changed");
}

function checkRelay(text: string, note: Note): void {
  const relay = parseRelayAddress(text);
  note(`relay ${relay === undefined} ${relay?.host.includes(":")}`);
  if (!relay) return;
  const { host, port } = relay;
  check(port >= 1 && port <= 65_535 && Number.isInteger(port), `a relay's port is none: ${text}`);
  check(isIPv6(host) || /^[A-Za-z0-9._-]+$/.test(host), `a relay's host is none: ${text}`);
  check(isSame(parseRelayAddress(formatRelayAddress(relay)), relay), `a relay is written otherwise: ${text}`);
}
