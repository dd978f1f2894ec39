import { createHmac } from "node:crypto";
import { describe, expect, it, test } from "vitest";
import { toHex } from "../src/bytes.ts";
import { identityText } from "../src/peers/identity-text.ts";
import { proofMessage } from "../src/peers/network-key.ts";
import { decodePreamble, encodePreamble } from "../src/peers/preamble.ts";
import { tlsSide } from "../src/peers/tls-side.ts";
import { bytesOf, type PreambleFields, peerVectors } from "./vector-files.ts";

const { preambles, malformed, proofs, identityTexts, tlsClients } = peerVectors();

const preambleOf = ({ label, proof, refused, pulse }: PreambleFields) => ({
  label,
  proof: proof === null ? undefined : bytesOf(proof),
  refused,
  pulse,
});

describe("preambles", () => {
  test.each(preambles)("$name", ({ from, hex, fields }) => {
    const bytes = bytesOf(hex);
    expect(decodePreamble(bytes, from)).toEqual(preambleOf(fields));
    expect(decodePreamble(Uint8Array.of(...bytes, 1, 255, 255), from)).toEqual(preambleOf(fields));
    expect(toHex(encodePreamble(preambleOf(fields)))).toBe(hex);
  });

  test.each(preambles)(
    "$name, that come in pieces: never more is asked for than is missing",
    ({ from, hex }) => {
      const bytes = bytesOf(hex);
      for (let length = 0; length < bytes.length; length++) {
        const missing = decodePreamble(bytes.subarray(0, length), from);
        expect(missing).toBeTypeOf("number");
        expect(missing).toBeGreaterThan(0);
        expect(length + Number(missing)).toBeLessThanOrEqual(bytes.length);
      }
    },
  );

  test.each(malformed)("malformed: $name", ({ from, hex, offset }) => {
    const bytes = bytesOf(hex);
    for (let length = 0; length <= offset; length++) {
      expect(decodePreamble(bytes.subarray(0, length), from)).toBeTypeOf("number");
    }
    expect(decodePreamble(bytes.subarray(0, offset + 1), from)).toMatch(/./);
    expect(decodePreamble(bytes, from)).toMatch(/./);
  });
});

test.each(proofs)("proof: $name", ({ networkKey, dialing, accepting, prover, proof }) => {
  const message = proofMessage(bytesOf(dialing), bytesOf(accepting), prover);
  expect(createHmac("sha256", bytesOf(networkKey)).update(message).digest("hex")).toBe(proof);
});

test.each(identityTexts)("$identity is shown as $text", ({ identity, text }) => {
  expect(identityText(bytesOf(identity))).toBe(text);
});

describe("who begins TLS", () => {
  test.each(tlsClients)("where both dialled: $client", ({ identities: [a, b], client }) => {
    expect(tlsSide("both", a, b)).toBe(a === client ? "client" : "server");
    expect(tlsSide("both", b, a)).toBe(b === client ? "client" : "server");
  });

  it("is who dialled, whoever that is", () => {
    for (const { identities } of tlsClients) {
      expect(tlsSide("here", ...identities)).toBe("client");
      expect(tlsSide("there", ...identities)).toBe("server");
    }
  });
});
