import { type Cancellation, LektError } from "@lekt/protocol";

/** The platform's signal for what a method is told by the room. */
export function abortSignal(cancellation: Cancellation): AbortSignal {
  if (cancellation instanceof AbortSignal) return cancellation;
  const controller = new AbortController();
  if (cancellation.aborted) controller.abort();
  else cancellation.addEventListener("abort", () => controller.abort(), { once: true });
  return controller.signal;
}

export function aborted(): LektError {
  return new LektError("LEKT_ABORTED", "Connecting to the peer was aborted.");
}
