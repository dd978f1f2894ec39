import { LektError, type LektErrorCode } from "@lekt/protocol";
import type { PathAttempt, PathTrace } from "./path-trace.ts";

/** No path to a peer. The message says what would help, `trace` what was tried. */
export class PeerConnectError extends LektError {
  readonly trace: PathTrace;

  constructor(code: LektErrorCode, message: string, trace: PathTrace, options?: { cause?: unknown }) {
    super(code, message, options);
    this.trace = trace;
  }
}

/** Where a path was there and only who or what stood at its end was wrong, that is the reason; the first that applies. */
const TELLING_CODES: readonly LektErrorCode[] = [
  "LEKT_PEER_REFUSED",
  "LEKT_NETWORK_KEY",
  "LEKT_PEER_IDENTITY",
];

const ADVICE: Partial<Readonly<Record<LektErrorCode, string>>> = {
  LEKT_PEER_REFUSED: "Ask whoever runs it to accept this identity and this label.",
  LEKT_NETWORK_KEY: "Both sides need the same network key: pass on the same URL with its #key=.",
  LEKT_PEER_IDENTITY:
    "Somebody else answered in its place: compare identities with whoever runs it before you try again.",
};

/** Anybody can show it, and the others may keep the peer from being reached (spec 9.11.6). */
const CONTESTED_ADVICE =
  "Several in the roster show this identity, and those who are not the peer may be in the way: " +
  "let the peer listen at an open TCP port, or try again when the others are gone.";

export interface Failure {
  /** For people: the peer's name or identity. */
  readonly peer: string;
  readonly trace: PathTrace;
  /** What the attempts failed with. */
  readonly errors: readonly LektError[];
  /** Set where the time was over. */
  readonly timeoutMs: number | undefined;
  /** More than one in the roster shows the peer's identity. */
  readonly isContested: boolean;
}

/** The one error for a connect that found no path. */
export function peerConnectError({ peer, trace, errors, timeoutMs, isContested }: Failure): PeerConnectError {
  const code = TELLING_CODES.find((telling) => errors.some((error) => error.code === telling));
  const tried = trace.attempts.map(describe).join("; ");
  const cause = errors.length === 1 ? errors[0] : new AggregateError(errors);
  const what = code
    ? `Could not connect to ${peer}: ${errors.find((error) => error.code === code)?.message}`
    : `No path to ${peer}${timeoutMs === undefined ? "" : ` within ${Math.round(timeoutMs / 100) / 10} s`}: ${tried}.`;
  const isInTheWay = isContested && (!code || code === "LEKT_PEER_IDENTITY");
  const advice = isInTheWay ? CONTESTED_ADVICE : ((code && ADVICE[code]) ?? pathAdvice(trace));
  return new PeerConnectError(code ?? "LEKT_UNREACHABLE", `${what} ${advice}`, trace, { cause });
}

function describe({ method, outcome, reason }: PathAttempt): string {
  return `${method}: ${(reason ?? outcome ?? "still running").replace(/\.$/, "")}`;
}

function pathAdvice({ attempts }: PathTrace): string {
  if (attempts.length > 0 && attempts.every(({ outcome }) => outcome === "skipped")) {
    return "Let both sides join with a method in common, such as relay().";
  }
  if (!attempts.some(({ method }) => method === "relay")) {
    return "Let both sides join with relay() as well, and start the server with a relay.";
  }
  if (attempts.some(({ method, outcome }) => method === "relay" && outcome === "skipped")) {
    return "Let both sides join with relay(), and start the server with a relay: that works wherever the server can be reached.";
  }
  return "Check that the peer still runs, and that no firewall is between this machine and the relay.";
}
