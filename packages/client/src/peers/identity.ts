import { createHash, createPrivateKey, generateKeyPair, type KeyObject, X509Certificate } from "node:crypto";
import { promisify } from "node:util";
import { LektError } from "@lekt/protocol";

/** By what peers know this one again: a key, and the certificate that it shows (spec 9.1). */
export interface LektIdentity {
  readonly certificatePem: string;
  /** PKCS #8. A secret. */
  readonly privateKeyPem: string;
  /** The identity itself: SHA-256 of the certificate's DER, 32 bytes. */
  readonly fingerprint: Uint8Array;
}

const CURVE = "prime256v1";

/** A new one, which nobody knows yet. */
export async function createIdentity(): Promise<LektIdentity> {
  // Most programs have an identity already, or none: they need not load what writes certificates.
  const { selfSignedCertificate } = await import("./self-signed-certificate.ts");
  const { publicKey, privateKey } = await promisify(generateKeyPair)("ec", { namedCurve: CURVE });
  return identityOf(new X509Certificate(selfSignedCertificate(publicKey, privateKey)), privateKey);
}

/** Both parts in one text, to be kept where nobody else can read it. */
export function identityToPem(identity: LektIdentity): string {
  return identity.certificatePem + identity.privateKeyPem;
}

/** @throws LektError `LEKT_OPTION` where `pem` does not hold a certificate and its key on P-256. */
export function identityFromPem(pem: string): LektIdentity {
  const certificate = parsed("certificate", () => new X509Certificate(pem));
  const privateKey = parsed("private key", () => createPrivateKey(pem));
  if (privateKey.asymmetricKeyDetails?.namedCurve !== CURVE) {
    throw badIdentity("its key is not on the curve P-256");
  }
  if (!certificate.checkPrivateKey(privateKey)) throw badIdentity("its certificate belongs to another key");
  return identityOf(certificate, privateKey);
}

/** The identity that a certificate stands for. */
export function fingerprintOf(certificateDer: Uint8Array): Uint8Array {
  return new Uint8Array(createHash("sha256").update(certificateDer).digest());
}

function identityOf(certificate: X509Certificate, privateKey: KeyObject): LektIdentity {
  return {
    certificatePem: certificate.toString(),
    privateKeyPem: privateKey.export({ format: "pem", type: "pkcs8" }).toString(),
    fingerprint: fingerprintOf(certificate.raw),
  };
}

function parsed<T>(part: string, parse: () => T): T {
  try {
    return parse();
  } catch (cause) {
    throw badIdentity(`it has no ${part} that can be read`, cause);
  }
}

function badIdentity(why: string, cause?: unknown): LektError {
  return new LektError("LEKT_OPTION", `This is no identity that can be used: ${why}.`, { cause });
}
