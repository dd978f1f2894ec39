import { serviceObstacle } from "@lekt/protocol";
import { ByteDealer, type FuzzInput, inputOf } from "../engine/fuzz-input.ts";
import { check, type FuzzTarget, type Note } from "../engine/fuzz-target.ts";
import { naiveAddress } from "../models/naive-address.ts";
import { dealtAddress } from "./address-program.ts";

/** The bytes deal the addresses of a relay or STUN server, and the own ones. */
export function serviceRulesTarget(
  name: string,
  obstacle: typeof serviceObstacle = serviceObstacle,
): FuzzTarget {
  const run = ({ bytes }: FuzzInput, note: Note) => {
    const dealer = new ByteDealer(bytes);
    const namedBy = dealer.pick(["server", "peer"] as const);
    const [address, ownPublicAddress, ownLocalAddress] = [0, 1, 2].map(() => dealtAddress(dealer));
    const question = { address: address ?? "", namedBy, ownPublicAddress, ownLocalAddress };
    const told = obstacle(question);
    const [kind, own, local] = [address, ownPublicAddress, ownLocalAddress].map(
      (text) => naiveAddress(text ?? "")?.kind ?? "never",
    );
    // Spec 9.5.6.
    const isAllowed =
      kind === "other" ||
      (kind === "loopback" && local === "loopback") ||
      (kind === "private" && (namedBy === "server" || own === "private"));
    note(`${kind} ${own} ${local} ${namedBy} ${told}`);
    check((told === undefined) === isAllowed, `judged otherwise: ${JSON.stringify(question)}: ${told}`);
  };
  return {
    name,
    oracle: "allows what spec 9.5.6 allows, in numbers, and never what it forbids",
    takesSplits: false,
    takesCalls: false,
    maxBytes: 40,
    seeds: () => [0, 1, 2, 3].map((seed) => inputOf(Uint8Array.from({ length: 30 }, (_, i) => i * i + seed))),
    run,
  };
}
