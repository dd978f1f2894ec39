import type { Duplex } from "node:stream";
import { connect, createServer, type SecureContextOptions, type TLSSocket } from "node:tls";
import { LektError } from "@lekt/protocol";
import { fingerprintOf, type LektIdentity } from "./identity.ts";
import { PathCarrier } from "./path-carrier.ts";
import { pathError } from "./path-guard.ts";

const PROTOCOL = "lekt-peer/1";
const TLS_VERSION = "TLSv1.3";

/** Mutual TLS between peers (spec 9.2). Rejects where the handshake fails; never settles where the peer is silent. */
export function startTls(raw: Duplex, begins: "client" | "server", own: LektIdentity): Promise<TLSSocket> {
  const settings: SecureContextOptions = {
    cert: own.certificatePem,
    key: own.privateKeyPem,
    minVersion: TLS_VERSION,
    maxVersion: TLS_VERSION,
    sigalgs: "ecdsa_secp256r1_sha256",
  };
  // Certificates are checked against the identity, and not by who signed them or for how long.
  const options = { ...settings, ALPNProtocols: [PROTOCOL], rejectUnauthorized: false };
  const carrier = new PathCarrier(raw);
  return new Promise((resolve, reject) => {
    const failed = (error: Error) => reject(pathError(error));
    // For Node.js the other direction goes on, and no handshake comes to an end in it.
    carrier.once("end", () => failed(cutOffError()));
    const begun = (tls: TLSSocket) => failWhereCutOff(tls, carrier).on("error", failed);
    if (begins === "client") {
      const tls = begun(connect({ ...options, socket: carrier, checkServerIdentity: () => undefined }));
      tls.once("secureConnect", () => resolve(tls));
    } else {
      // It never listens; it is how Node.js speaks the server's side of TLS on any stream. As each connection
      // has one of its own, no session can be resumed (spec 9.2.3).
      const server = createServer({ ...options, requestCert: true });
      server.once("tlsClientError", failed);
      server.once("secureConnection", (tls) => resolve(begun(tls)));
      server.emit("connection", carrier);
    }
  });
}

/** For Node.js an end that the peer has not sealed is an end like any other, and anybody can make one (spec 9.2.5). */
function failWhereCutOff(tls: TLSSocket, carrier: Duplex): TLSSocket {
  const push = tls.push.bind(tls);
  let isEnded = false;
  tls.push = (bytes, encoding) => {
    isEnded ||= bytes === null;
    return push(bytes, encoding);
  };
  const cutOff = () => tls.destroy(cutOffError());
  carrier.prependOnceListener("end", () => isEnded || cutOff());
  carrier.prependOnceListener("close", () => (isEnded && tls.writableFinished) || cutOff());
  return tls;
}

function cutOffError(): LektError {
  return new LektError("LEKT_PATH", "The path to the peer was cut off.");
}

/**
 * Who is at the other end, proven by its key.
 * @throws LektError `LEKT_PATH` where it speaks something else, `LEKT_PEER_IDENTITY` where it shows no certificate
 */
export function provenIdentity(tls: TLSSocket): Uint8Array {
  if (tls.alpnProtocol !== PROTOCOL) {
    throw new LektError(
      "LEKT_PATH",
      `What is at the other end does not speak ${PROTOCOL}: probably it is no peer.`,
    );
  }
  const { raw } = tls.getPeerCertificate();
  if (!raw)
    throw new LektError("LEKT_PEER_IDENTITY", "The peer showed no certificate, so it could be anybody.");
  return fingerprintOf(raw);
}
