import { describe, expect, test } from "vitest";
import { toHex } from "../src/bytes.ts";
import { formatIpv4, formatIpv6, parseIpv6, pseudoAddress } from "../src/ip.ts";
import { isAskedFor, isPassedOnUnread, METHOD, methodDefinition } from "../src/method-list.ts";
import {
  decodeListeningPorts,
  encodeListeningPorts,
  type ListeningPorts,
} from "../src/payloads/endpoints.ts";
import { decodeHold, encodeHold } from "../src/payloads/hold.ts";
import { decodeServerInfo } from "../src/payloads/server-info.ts";
import { decodeText, MAX_NAME_BYTES, MAX_NETWORK_NAME_BYTES } from "../src/payloads/text.ts";
import { decodeUdp, encodeUdp } from "../src/payloads/udp.ts";
import { encodeUtf8 } from "../src/utf8.ts";
import { bytesOf, payloadVectors } from "./vector-files.ts";

const methods = payloadVectors();
const valid = methods.flatMap(({ index, name: method, valid }) =>
  valid.map((v) => ({ index, method, ...v })),
);
const invalid = methods.flatMap(({ index, name: method, invalid }) =>
  invalid.map((v) => ({ index, method, ...v })),
);
const fromClient = (vector: { from?: string; index: number }) =>
  vector.from !== "server" && vector.index !== METHOD.ipv6;

test("every method of the list has vectors", () => {
  const listed = methods.map(({ index }) => index);
  for (const index of Object.values(METHOD)) expect(listed).toContain(index);
});

describe("what a client may say", () => {
  test.each(valid.filter(fromClient))("$method ($index): $name", ({ index, hex, value }) => {
    const payload = bytesOf(hex);
    expect(isAskedFor(index)).toBe(true);
    expect(methodDefinition(index)?.fault(payload)).toBeUndefined();
    const reading = READINGS[index];
    if (reading) reading(payload, value);
    else expect(value).toEqual(hex === "" ? expect.toBeOneOf([null, ""]) : hex);
  });
});

describe("what a client may not say", () => {
  test.each(invalid.filter(fromClient))("$method ($index): $name", ({ index, hex }) => {
    expect(isPassedOnUnread(index)).toBe(false);
    expect(methodDefinition(index)?.fault(bytesOf(hex))).toMatch(/./);
  });
});

/** What the typed decoders read, and what the encoders write of it. */
const READINGS: Record<number, (payload: Uint8Array, value: unknown) => void> = {
  [METHOD.tcp]: (payload, value) => {
    const ports = readPorts(value);
    expect(decodeListeningPorts(payload)).toEqual(ports);
    expect(toHex(encodeListeningPorts(ports))).toBe(toHex(payload));
  },
  [METHOD.udp]: (payload, value) => {
    const ports = readPorts(value);
    expect(decodeUdp(payload)).toEqual(ports);
    expect(toHex(encodeUdp(ports))).toBe(toHex(payload));
  },
  [METHOD.network]: (payload, value) => readText(payload, value, MAX_NETWORK_NAME_BYTES),
  [METHOD.name]: (payload, value) => readText(payload, value, MAX_NAME_BYTES),
  [METHOD.hold]: (payload, value) => {
    const { milliseconds, effective } = value as { milliseconds: number; effective: number };
    expect(decodeHold(payload)).toBe(effective);
    expect(toHex(encodeHold(milliseconds))).toBe(toHex(payload));
  },
};

function readPorts(value: unknown): ListeningPorts {
  const { endpoints, ...rest } = value as { port: number; endpoints: readonly (readonly [string, number])[] };
  return { ...rest, endpoints: endpoints.map(([address, port]) => ({ address, port })) };
}

function readText(payload: Uint8Array, value: unknown, maxBytes: number): void {
  expect(decodeText(payload, maxBytes)).toEqual({ text: value });
  expect(toHex(encodeUtf8(value as string))).toBe(toHex(payload));
}

describe("what the server says of itself", () => {
  const words = {
    valid: valid.filter((v) => v.from === "server"),
    invalid: invalid.filter((v) => v.from === "server"),
  };

  test.each(words.valid)("$name", ({ hex, value }) => {
    const { you, ...rest } = value as { you?: { address: string; port: number; session?: string } };
    const session = you?.session === undefined ? {} : { session: you.session };
    const known = you ? { ...rest, you: { address: you.address, port: you.port, ...session } } : rest;
    expect(decodeServerInfo(bytesOf(hex))).toEqual(known);
  });

  test.each(words.invalid)("nothing: $name", ({ hex }) => {
    expect(decodeServerInfo(bytesOf(hex))).toBeUndefined();
  });
});

describe("the attribute ipv6, which the server alone sets", () => {
  test.each(valid.filter((v) => v.index === METHOD.ipv6))("$name", ({ hex, value }) => {
    const { address, pseudo } = value as { address: string; pseudo: string };
    expect(formatIpv6(bytesOf(hex))).toBe(address);
    expect(toHex(parseIpv6(address) ?? new Uint8Array(0))).toBe(hex);
    expect(formatIpv4(pseudoAddress(bytesOf(hex)))).toBe(pseudo);
  });

  test("is never asked for", () => expect(isAskedFor(METHOD.ipv6)).toBe(false));
});
