import { createHmac, timingSafeEqual } from "node:crypto";
import { LektError, type PeerRole, proofMessage } from "@lekt/protocol";

/** That both peers have the same network key, or none, bound to who they are (spec 9.4). */
export class NetworkProof {
  readonly #proofOf: ((prover: PeerRole) => Uint8Array) | undefined;

  constructor(networkKey: Uint8Array | undefined, dialing: Uint8Array, accepting: Uint8Array) {
    this.#proofOf =
      networkKey &&
      ((prover) =>
        createHmac("sha256", networkKey)
          .update(proofMessage(dialing, accepting, prover))
          .digest());
  }

  /** What `prover` has to show; undefined without a key. */
  by(prover: PeerRole): Uint8Array | undefined {
    return this.#proofOf?.(prover);
  }

  /** @throws LektError `LEKT_NETWORK_KEY` where `prover` did not show what it has to. */
  check(prover: PeerRole, shown: Uint8Array | undefined): void {
    const due = this.by(prover);
    if (!due && !shown) return;
    if (!due) throw wrongKey("it has a network key, and this side has none");
    if (!shown) throw wrongKey("it did not prove that it has the network key");
    if (!timingSafeEqual(due, shown)) throw wrongKey("it has another network key, or somebody poses as it");
  }
}

function wrongKey(why: string): LektError {
  return new LektError("LEKT_NETWORK_KEY", `The peer is not of this network: ${why}.`);
}
