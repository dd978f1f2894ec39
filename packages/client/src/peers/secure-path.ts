import type { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";
import {
  equalBytes,
  identityText,
  LektError,
  labelFault,
  NETWORK_KEY_BYTES,
  type PeerRole,
  type Preamble,
} from "@lekt/protocol";
import type { LektIdentity } from "./identity.ts";
import { NetworkProof } from "./network-proof.ts";
import { PathGuard } from "./path-guard.ts";
import { provenIdentity, startTls } from "./peer-tls.ts";
import { greet, readPreamble, refuse, welcome } from "./preamble-exchange.ts";
import { PulsedStream } from "./pulsed-stream.ts";

export interface SecurePathOptions {
  readonly identity: LektIdentity;
  readonly role: PeerRole;
  /** Who begins TLS (spec 9.2). */
  readonly tls: "client" | "server";
  /** Who has to be at the other end. Default: anybody. */
  readonly expected?: Uint8Array;
  /** 32 bytes. Both sides need the same one, or none (spec 9.4). */
  readonly networkKey?: Uint8Array;
  /** What the dialing side wants to speak: up to 255 bytes of UTF-8 without control characters. */
  readonly label?: string;
  /** The dialing side's, called when the identity is proven: the preamble waits for it (spec 9.9.1). */
  readonly turn?: () => Promise<void>;
  /** Asked by the accepting side once identity and key are proven. Default: everybody is let in. */
  readonly accept?: (peer: SecuredPeer) => boolean | Promise<boolean>;
  /** For TLS, preambles and `accept` together. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
  /** Of the stream's pulse (spec 9.10). Default 2,000. */
  readonly pulseIntervalMs?: number;
}

export interface SecuredPeer {
  /** Proven, 32 bytes. */
  readonly identity: Uint8Array;
  /** The dialing side's. */
  readonly label: string;
}

export interface SecuredPath extends SecuredPeer {
  /** Encrypted and authenticated; each direction ends by itself. Its errors are for `pathError`. */
  readonly stream: Duplex;
  /** The shortest that was seen on the way here; undefined on the accepting side, which may have been waited for. */
  readonly roundTripMs: number | undefined;
}

/**
 * Makes an encrypted, authenticated stream of any stream of bytes (spec 9.2, 9.3). Takes `raw` over: it is
 * destroyed where this fails, and with the stream.
 * @throws LektError `LEKT_OPTION`, `LEKT_PATH`, `LEKT_PEER_IDENTITY`, `LEKT_NETWORK_KEY`, `LEKT_PEER_REFUSED`,
 * `LEKT_ABORTED`, or what `accept` throws
 */
export async function securePath(raw: Duplex, options: SecurePathOptions): Promise<SecuredPath> {
  const guard = new PathGuard(raw, options);
  try {
    checkOptions(options);
    raw.allowHalfOpen = true;
    const tlsStartMs = performance.now();
    const tls = await guard.until(() => startTls(raw, options.tls, options.identity));
    const tlsMs = performance.now() - tlsStartMs;
    guard.watch(tls);
    const identity = await guard.until(() => provenIdentity(tls));
    checkIdentity(identity, options.expected);
    await guard.until(() => options.turn?.());
    const isDialing = options.role === "dialing";
    const exchangeStartMs = performance.now();
    const { label, pulse } = await (isDialing ? dial : accept)(tls, identity, options, guard);
    const stream = pulse ? new PulsedStream(tls, options.pulseIntervalMs) : tls;
    const roundTrips = [performance.now() - exchangeStartMs, ...(options.tls === "client" ? [tlsMs] : [])];
    return { stream, identity, label, roundTripMs: isDialing ? Math.min(...roundTrips) : undefined };
  } catch (error) {
    raw.destroy();
    throw error;
  } finally {
    guard.release();
  }
}

type Exchange = (
  stream: TLSSocket,
  identity: Uint8Array,
  options: SecurePathOptions,
  guard: PathGuard,
) => Promise<Pick<Preamble, "label" | "pulse">>;

const dial: Exchange = async (stream, identity, options, guard) => {
  const { label = "", networkKey } = options;
  const proof = new NetworkProof(networkKey, options.identity.fingerprint, identity);
  const pulse = await guard.until(() => greet(stream, label, proof));
  return { label, pulse };
};

const accept: Exchange = async (stream, identity, options, guard) => {
  const proof = new NetworkProof(options.networkKey, identity, options.identity.fingerprint);
  const { label, proof: theirs, pulse } = await guard.until(() => readPreamble(stream, "dialing"));
  let shown: Uint8Array | undefined;
  try {
    proof.check("dialing", theirs);
    // Only who has proven the key is shown that this side has it, too.
    shown = proof.by("accepting");
    const isLetIn = await guard.until(() => options.accept?.({ identity, label }) ?? true);
    if (!isLetIn) throw new LektError("LEKT_PEER_REFUSED", "The peer was not let in.");
    welcome(stream, proof, pulse);
    return { label, pulse };
  } catch (error) {
    await refuse(stream, shown);
    throw error;
  }
};

function checkIdentity(identity: Uint8Array, expected: Uint8Array | undefined): void {
  if (!expected || equalBytes(identity, expected)) return;
  throw new LektError(
    "LEKT_PEER_IDENTITY",
    `The peer is ${identityText(identity)}, and not ${identityText(expected)} as expected: ` +
      "somebody poses as it, or it has a new identity.",
  );
}

function checkOptions({ networkKey, label = "" }: SecurePathOptions): void {
  const fault = labelFault(label);
  if (fault) throw new LektError("LEKT_OPTION", `The connection cannot be labelled so: ${fault}.`);
  if (networkKey && networkKey.length !== NETWORK_KEY_BYTES) {
    throw new LektError(
      "LEKT_OPTION",
      `A network key has ${NETWORK_KEY_BYTES} bytes, and this one ${networkKey.length}.`,
    );
  }
}
