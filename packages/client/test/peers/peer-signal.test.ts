import { encodeUtf8, MAX_SIGNAL_BYTES } from "@lekt/protocol";
import { expect, test } from "vitest";
import { decodePeerSignal, encodePeerSignal } from "../../src/peers/peer-signal.ts";

const OFFER = { v: 1, type: "offer", attempt: "0123456789abcdef", method: "udp", port: 4_000 } as const;

test("there and back", () => {
  expect(decodePeerSignal(encodePeerSignal(OFFER) as Uint8Array)).toEqual(OFFER);
});

test.each([
  ["no UTF-8", Uint8Array.of(0xff)],
  ["no JSON", "{"],
  ["no object", "[]"],
  ["nothing", "null"],
  ["another version", { ...OFFER, v: 2 }],
  ["no type", { ...OFFER, type: 1 }],
  ["a long type", { ...OFFER, type: "x".repeat(33) }],
  ["no attempt", { ...OFFER, attempt: undefined }],
  ["an attempt of another length", { ...OFFER, attempt: "0123456789abcde" }],
  ["an attempt in capitals", { ...OFFER, attempt: "0123456789ABCDEF" }],
  ["no method", { ...OFFER, method: 2 }],
])("%s: ignored", (_, value) => {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  expect(decodePeerSignal(value instanceof Uint8Array ? value : encodeUtf8(text))).toBe(undefined);
});

test("as long as a signal may be, and no longer", () => {
  const empty = JSON.stringify({ ...OFFER, pad: "" }).length;
  const fits = { ...OFFER, pad: "x".repeat(MAX_SIGNAL_BYTES - empty) };
  expect(encodePeerSignal(fits)?.length).toBe(MAX_SIGNAL_BYTES);
  expect(decodePeerSignal(encodePeerSignal(fits) as Uint8Array)).toEqual(fits);
  const tooLong = { ...fits, pad: `${fits.pad}x` };
  expect(encodePeerSignal(tooLong)).toBe(undefined);
  expect(decodePeerSignal(encodeUtf8(JSON.stringify(tooLong)))).toBe(undefined);
});

test("a key that JavaScript treats apart is a key like others", () => {
  const bytes = encodeUtf8(JSON.stringify(OFFER).replace("{", '{"__proto__":{"polluted":true},'));
  expect((decodePeerSignal(bytes) as object as { polluted?: boolean }).polluted).toBe(undefined);
});
