import { type Circuit, fromHex, type PeerSignal } from "@lekt/protocol";

/** Signals of the method `relay` (spec/methods.md, 3). */
export interface RelayOffer {
  readonly token: Uint8Array;
  /** host:port, as the peer that dials knows it. */
  readonly relay: string;
  /** Whether a circuit of the other side is wanted, too: others may take the one that all of them are told of. */
  readonly wantsAnswer: boolean;
}

const TOKEN_HEX = /^[0-9a-f]{64}$/;
const MAX_RELAY_CHARACTERS = 300;
const MAX_REASON_CHARACTERS = 200;

export function offerSignal(
  attempt: string,
  { token, relay }: Circuit,
  { wantsAnswer }: Pick<RelayOffer, "wantsAnswer">,
): PeerSignal {
  const want = wantsAnswer ? { want: "circuit" } : {};
  return { v: 1, type: "offer", attempt, method: "relay", token, relay, ...want };
}

export function answerSignal(attempt: string, { token, relay }: Circuit): PeerSignal {
  return { v: 1, type: "answer", attempt, method: "relay", token, relay };
}

/** Either side gave up. */
export function failSignal(attempt: string, reason: string): PeerSignal {
  return { v: 1, type: "fail", attempt, method: "relay", reason: reason.slice(0, MAX_REASON_CHARACTERS) };
}

/** Also reads answers. @returns undefined where something is missing or of the wrong shape. */
export function readOffer(signal: PeerSignal): RelayOffer | undefined {
  const { token, relay, want } = signal;
  if (typeof token !== "string" || !TOKEN_HEX.test(token)) return undefined;
  if (typeof relay !== "string" || relay.length > MAX_RELAY_CHARACTERS) return undefined;
  return { token: fromHex(token) as Uint8Array, relay, wantsAnswer: want === "circuit" };
}

export function readReason(signal: PeerSignal): string {
  const { reason } = signal;
  return typeof reason === "string" ? reason.slice(0, MAX_REASON_CHARACTERS) : "no reason given";
}
