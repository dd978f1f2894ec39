import type { RawPath } from "@lekt/protocol";

/** Who dialled an open port begins TLS, as its client; where both dialled, the smaller identity does (spec 9.2). Identities in hex. */
export function tlsSide({ dialled }: Pick<RawPath<unknown>, "dialled">, own: string, peer: string): "client" | "server" {
  const begins = dialled === "both" ? own < peer : dialled === "here";
  return begins ? "client" : "server";
}
