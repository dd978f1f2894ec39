import { createHash, generateKeyPairSync, X509Certificate } from "node:crypto";
import { describe, expect, it } from "vitest";
import { createIdentity, identityFromPem, identityToPem } from "../../src/peers/identity.ts";

describe("a new identity", () => {
  it("is the SHA-256 of a self-signed certificate with a key on P-256", async () => {
    const identity = await createIdentity();
    const certificate = new X509Certificate(identity.certificatePem);
    expect(identity.fingerprint).toEqual(
      new Uint8Array(createHash("sha256").update(certificate.raw).digest()),
    );
    expect(certificate.publicKey.asymmetricKeyDetails).toEqual({ namedCurve: "prime256v1" });
    expect(certificate.verify(certificate.publicKey)).toBe(true);
    expect(certificate.issuer).toBe(certificate.subject);
  });

  it("does not tell when or by whom it was made", async () => {
    const { subject, validFrom, validTo } = new X509Certificate((await createIdentity()).certificatePem);
    expect([subject, validFrom, validTo]).toEqual([
      "CN=lekt",
      "Jan  1 00:00:00 2000 GMT",
      "Dec 31 23:59:59 9999 GMT",
    ]);
  });

  it("is another one each time", async () => {
    const [a, b] = [await createIdentity(), await createIdentity()];
    expect(a.fingerprint).not.toEqual(b.fingerprint);
    expect(a.privateKeyPem).not.toBe(b.privateKeyPem);
  });
});

describe("an identity from a file", () => {
  it("is the same that was written", async () => {
    const identity = await createIdentity();
    expect(identityFromPem(identityToPem(identity))).toEqual(identity);
  });

  it("is refused where a part is missing, of another kind, or of somebody else", async () => {
    const [a, b] = [await createIdentity(), await createIdentity()];
    const rsa = generateKeyPairSync("rsa", { modulusLength: 2_048 }).privateKey;
    const faults: Record<string, RegExp> = {
      "": /no certificate/,
      "garbage\n": /no certificate/,
      [a.privateKeyPem]: /no certificate/,
      [a.certificatePem]: /no private key/,
      [a.certificatePem + b.privateKeyPem]: /belongs to another key/,
      [a.certificatePem + rsa.export({ format: "pem", type: "pkcs8" })]: /P-256/,
    };
    for (const [pem, says] of Object.entries(faults)) {
      expect(() => identityFromPem(pem)).toThrow(expect.objectContaining({ code: "LEKT_OPTION" }));
      expect(() => identityFromPem(pem)).toThrow(says);
    }
  });
});
