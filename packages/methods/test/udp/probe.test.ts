import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { decodeProbe, encodeProbe, type Probe, probedAttempt } from "../../src/udp/probe.ts";

interface ProbeVectors {
  readonly good: readonly {
    readonly name: string;
    readonly secret: string;
    readonly hex: string;
    readonly fields: Probe;
  }[];
  readonly bad: readonly { readonly name: string; readonly secret: string; readonly hex: string }[];
}

const vectors = JSON.parse(
  readFileSync(new URL("../../../../spec/vectors/probes.json", import.meta.url), "utf8"),
) as ProbeVectors;

it.each(vectors.good)("$name", ({ secret, hex, fields }) => {
  const key = Buffer.from(secret, "hex");
  expect(Buffer.from(encodeProbe(fields, key)).toString("hex")).toBe(hex);
  expect(decodeProbe(Buffer.from(hex, "hex"), key)).toEqual(fields);
  expect(probedAttempt(Buffer.from(hex, "hex"))).toBe(fields.attempt);
});

it.each(vectors.bad)("is none: $name", ({ secret, hex }) => {
  expect(decodeProbe(Buffer.from(hex, "hex"), Buffer.from(secret, "hex"))).toBeUndefined();
});
