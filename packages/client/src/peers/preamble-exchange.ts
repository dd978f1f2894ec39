import type { TLSSocket } from "node:tls";
import {
  concatBytes,
  decodePreamble,
  encodePreamble,
  LektError,
  type PeerRole,
  type Preamble,
} from "@lekt/protocol";
import type { NetworkProof } from "./network-proof.ts";

/** How long a peer that is refused may take to read so. */
const REFUSAL_LINGER_MS = 1_000;

/**
 * The dialing side of the preambles (spec 9.3). Rejects where the peer is not let in, or not to be trusted.
 * @returns whether frames with a pulse follow (spec 9.10)
 */
export async function greet(tls: TLSSocket, label: string, proof: NetworkProof): Promise<boolean> {
  tls.write(encodePreamble({ label, proof: proof.by("dialing"), refused: false, pulse: true }));
  const answer = await readPreamble(tls, "accepting");
  proof.check("accepting", answer.proof);
  if (answer.refused) {
    throw new LektError(
      "LEKT_PEER_REFUSED",
      "The peer refused the connection: it lets in others, for something else, or with a network key.",
    );
  }
  return answer.pulse;
}

/** The accepting side lets the peer in. @param pulse whether frames with a pulse follow, as the peer offered */
export function welcome(tls: TLSSocket, proof: NetworkProof, pulse: boolean): void {
  tls.write(encodePreamble({ label: "", proof: proof.by("accepting"), refused: false, pulse }));
}

/** The accepting side does not. @param proof only for a peer that has proven the key itself */
export async function refuse(tls: TLSSocket, proof: Uint8Array | undefined): Promise<void> {
  if (tls.destroyed) return;
  const closed = new Promise<void>((resolve) => tls.once("close", resolve));
  const timer = setTimeout(() => tls.destroy(), REFUSAL_LINGER_MS);
  tls.resume();
  tls.end(encodePreamble({ label: "", proof, refused: true, pulse: false }));
  await closed;
  clearTimeout(timer);
}

/** @throws LektError `LEKT_PATH` */
export async function readPreamble(tls: TLSSocket, from: PeerRole): Promise<Preamble> {
  let bytes: Uint8Array = new Uint8Array(0);
  for (;;) {
    const read = decodePreamble(bytes, from);
    if (typeof read === "string") {
      throw new LektError("LEKT_PATH", `The peer broke the protocol: its preamble is malformed, ${read}.`);
    }
    if (typeof read !== "number") return read;
    bytes = concatBytes([bytes, await readExactly(tls, read)]);
  }
}

/** What is behind these bytes stays in the stream. */
function readExactly(tls: TLSSocket, count: number): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const onReadable = () => {
      const bytes: Buffer | null = tls.read(count);
      if (bytes?.length !== count) return;
      tls.off("readable", onReadable).off("end", onEnd);
      resolve(bytes);
    };
    const onEnd = () =>
      reject(new LektError("LEKT_PATH", "The peer ended the connection before it said anything of itself."));
    tls.on("readable", onReadable).on("end", onEnd);
    onReadable();
  });
}
