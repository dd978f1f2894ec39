import type { PathAttempt } from "@lekt/client";
import { traceLines } from "../peers/trace-text.ts";
import { isAnswer, type Trial } from "./peer-trials.ts";

/** How a connect went: a sentence, and what was tried and noted on the way. */
export function trialLines(trial: Trial): string[] {
  const { methods, trace } = trial;
  const [only] = trace.attempts;
  const details = methods.length === 1 && only ? attemptDetails(only) : traceLines(trace);
  return [trialText(trial), ...details.map((line) => `  ${line}`)];
}

export function trialText({ methods, trace, result }: Trial): string {
  const [first = ""] = methods;
  const what = methods.length === 1 ? first : "all together";
  if (result.type === "path") {
    const { method, relayed, remote, roundTripMs } = result.path;
    const by = methods.length === 1 ? "" : ` by ${method}`;
    const way = relayed ? `over the relay ${remote}` : `directly, at ${remote}`;
    const roundTrip = roundTripMs === undefined ? "" : `, round trip ${Math.round(roundTripMs * 10) / 10} ms`;
    return `${what}: connected${by} ${way}, after ${Math.round(result.ms)} ms${roundTrip}.`;
  }
  if (isAnswer(result.error)) return `${what}: there is a path, but: ${result.error.message}`;
  const { outcome, reason = "no path was found" } = trace.attempts[0] ?? {};
  if (methods.length > 1) return `${what}: no path.`;
  return `${what}: ${outcome === "skipped" ? "cannot be tried" : "no path"}: ${reason.replace(/\.$/, "")}.`;
}

function attemptDetails({ candidates, notes }: PathAttempt): string[] {
  return [...candidates.map((text) => `tried ${text}`), ...notes];
}

/** What would help two peers to meet, beside what would help this machine. */
export function trialAdvice(trials: readonly Trial[], who: string): string[] {
  const result = trials.at(-1)?.result;
  if (result?.type === "failure") {
    return isAnswer(result.error)
      ? []
      : [`Run lekt doctor at ${who}, too: what is missing may be on either side.`, lastResort(trials)];
  }
  if (!result?.path.relayed) return [];
  return [
    `${who} is reached over the relay alone: it works, but as fast as the relay lets it. For a direct path one side at least needs a router that opens a port (UPnP, NAT-PMP), or both need IPv6. Run lekt doctor at ${who}, too.`,
  ];
}

function lastResort(trials: readonly Trial[]): string {
  const wasTried = trials.some(({ trace }) =>
    trace.attempts.some(({ method, outcome }) => method === "relay" && outcome !== "skipped"),
  );
  return wasTried
    ? "Both sides must reach the relay: check that the peer still runs, and that no firewall is in the way."
    : "A relay at the server, used by both sides, works wherever the server can be reached.";
}
