import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CIRCUIT_TOKEN_SECONDS, CircuitIssuer } from "../../src/relay/circuit-issuer.ts";
import { circuitTokenFault, mintCircuitToken } from "../../src/relay/circuit-token.ts";

interface CircuitVector {
  readonly name: string;
  readonly key: string;
  /** Unix seconds. */
  readonly now: number;
  readonly token: string;
  readonly fault: string | null;
}

const vectors = JSON.parse(
  readFileSync(new URL("../../../../spec/vectors/circuit-tokens.json", import.meta.url), "utf8"),
) as CircuitVector[];

const bytesOf = (hex: string) => Uint8Array.from(Buffer.from(hex, "hex"));
const key = bytesOf("5a".repeat(32));

describe("circuit-tokens.json", () => {
  test.each(vectors)("$name", ({ key, now, token, fault }) => {
    expect(circuitTokenFault(bytesOf(key), bytesOf(token), now) ?? null).toBe(fault);
    if (fault !== null) return;
    const bytes = bytesOf(token);
    const minted = mintCircuitToken(bytesOf(key), Buffer.from(bytes).readUInt32BE(), bytes.subarray(4, 16));
    expect(Buffer.from(minted).toString("hex")).toBe(token);
  });
});

describe("a token", () => {
  test("that was changed anywhere is forged", () => {
    const token = mintCircuitToken(key, 2_000_000_000, bytesOf("00".repeat(12)));
    for (let bit = 0; bit < 256; bit++) {
      const changed = Uint8Array.from(token);
      changed[bit >> 3] = (changed[bit >> 3] as number) ^ (1 << (bit & 7));
      expect(circuitTokenFault(key, changed, 1_900_000_000)).toBe("forged");
    }
  });

  test("that was guessed is forged, whatever its length", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (guess) => {
        expect(circuitTokenFault(key, guess, 0)).toBe("forged");
      }),
    );
  });
});

describe("an issuer", () => {
  test("gives tokens that differ, hold for two minutes, and are good under its key", () => {
    const issuer = new CircuitIssuer(key);
    const grants = Array.from({ length: 100 }, () => issuer.issue(1_774_483_200, "192.0.2.1:15358"));
    expect(new Set(grants.map(({ circuit }) => circuit)).size).toBe(100);
    for (const { circuit, relay, expires } of grants) {
      expect(circuit).toMatch(/^[0-9a-f]{64}$/);
      expect(relay).toBe("192.0.2.1:15358");
      expect(expires).toBe(1_774_483_200 + CIRCUIT_TOKEN_SECONDS);
      expect(circuitTokenFault(key, bytesOf(circuit), expires)).toBeUndefined();
      expect(circuitTokenFault(key, bytesOf(circuit), expires + 1)).toBe("expired");
    }
  });
});
