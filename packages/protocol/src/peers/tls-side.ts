import type { RawPath } from "./connection-method.ts";

/** Whether this peer begins TLS, as its client, or waits for it (spec 9.2). Identities as 64 hex digits. */
export function tlsSide(
  dialled: RawPath<unknown>["dialled"],
  own: string,
  peer: string,
): "client" | "server" {
  const begins = dialled === "both" ? own.toLowerCase() < peer.toLowerCase() : dialled === "here";
  return begins ? "client" : "server";
}
