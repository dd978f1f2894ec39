import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { formatIpv4, formatIpv6 } from "../src/ip.ts";
import {
  decodeListeningPorts,
  encodeListeningPorts,
  type ListeningPorts,
} from "../src/payloads/endpoints.ts";
import { decodeHold, encodeHold } from "../src/payloads/hold.ts";
import { decodeServerInfo, encodeServerInfo } from "../src/payloads/server-info.ts";
import { decodeText } from "../src/payloads/text.ts";
import { decodeUdp, encodeUdp } from "../src/payloads/udp.ts";
import { encodeUtf8 } from "../src/utf8.ts";
import { u32 } from "./packet-arbitraries.ts";

const port = fc.integer({ min: 1, max: 65_535 });
const address = fc.oneof(
  u32.map(formatIpv4),
  fc.uint8Array({ minLength: 16, maxLength: 16 }).map(formatIpv6),
  fc.constantFrom("::", "::1", "::ffff:1.2.3.4", "fe80::1"),
);
const ports: fc.Arbitrary<ListeningPorts> = fc.record({
  port: fc.nat(65_535),
  endpoints: fc.array(fc.record({ address, port }), { maxLength: 8 }),
});

describe("encoded, then decoded", () => {
  test("tcp and udp", () => {
    fc.assert(
      fc.property(ports, (ports) => {
        expect(decodeListeningPorts(encodeListeningPorts(ports))).toEqual(ports);
        expect(decodeUdp(encodeUdp(ports))).toEqual({ version: 1, ...ports });
      }),
    );
  });

  test("hold, which counts as 25 s at the most", () => {
    fc.assert(
      fc.property(u32, (ms) => {
        expect(decodeHold(encodeHold(ms))).toBe(Math.min(ms, 25_000));
      }),
    );
  });

  test("server information", () => {
    const host = fc.string({ unit: "grapheme", maxLength: 20 });
    const info = fc.record({
      you: fc.record({ address: host, port }),
      heartbeatSeconds: fc.integer({ min: 1, max: 86_400 }),
      relay: fc.option(host),
      stun: fc.array(host, { maxLength: 3 }),
    });
    fc.assert(
      fc.property(info, (info) => {
        expect(decodeServerInfo(encodeServerInfo(info))).toEqual(info);
      }),
    );
  });

  test("text", () => {
    const text = fc.string({ unit: "grapheme", minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(text, (text) => {
        const payload = encodeUtf8(text);
        expect(decodeText(payload, payload.length)).toEqual({ text });
        expect(decodeText(payload, payload.length - 1)).toMatch(/longer than/);
      }),
    );
  });
});

test("whatever bytes come, ports are read to the last byte or not at all", () => {
  const family = fc.constantFrom(4, 6, 0, 5);
  const bytes = fc
    .array(fc.tuple(family, fc.uint8Array({ maxLength: 19 })), { maxLength: 10 })
    .map((parts) => Uint8Array.from([1, 2, ...parts.flatMap(([family, rest]) => [family, ...rest])]));
  fc.assert(
    fc.property(bytes, (bytes) => {
      const decoded = decodeListeningPorts(bytes);
      if (typeof decoded !== "string") expect(encodeListeningPorts(decoded)).toEqual(bytes);
    }),
  );
});

describe("what cannot be written", () => {
  const endpoint = { address: "192.0.2.1", port: 1 };

  test.each([
    { port: -1, endpoints: [] },
    { port: 65_536, endpoints: [] },
    { port: 1.5, endpoints: [] },
    { port: 1, endpoints: new Array(9).fill(endpoint) },
    { port: 1, endpoints: [{ ...endpoint, port: 0 }] },
    { port: 1, endpoints: [{ ...endpoint, port: 65_536 }] },
    { port: 1, endpoints: [{ ...endpoint, address: "example.org" }] },
  ])("%j", (ports) => {
    expect(() => encodeListeningPorts(ports)).toThrow(RangeError);
  });
});

describe("server information with keys of another form", () => {
  test.each([
    { json: { you: { address: 5, port: 1 } }, info: {} },
    { json: { you: "me" }, info: {} },
    { json: { you: { address: "::1", port: 65_535 } }, info: { you: { address: "::1", port: 65_535 } } },
    { json: { you: { address: "::1", port: 65_536 } }, info: {} },
    { json: { you: { address: "::1", port: -1 } }, info: {} },
    { json: { you: { address: "::1", port: 1.5 } }, info: {} },
    { json: { heartbeatSeconds: "10" }, info: {} },
    { json: { heartbeatSeconds: 0.1 }, info: { heartbeatSeconds: 0.1 } },
    { json: { heartbeatSeconds: 0.099 }, info: {} },
    { json: { heartbeatSeconds: -5 }, info: {} },
    { json: { heartbeatSeconds: 86_400 }, info: { heartbeatSeconds: 86_400 } },
    { json: { heartbeatSeconds: 86_401 }, info: {} },
    { json: { relay: 7, stun: "x" }, info: {} },
    { json: { relay: null, stun: ["a:1", 2] }, info: { relay: null, stun: ["a:1"] } },
    { json: { cluster: [], heartbeatSeconds: 5 }, info: { heartbeatSeconds: 5 } },
  ])("$json", ({ json, info }) => {
    expect(decodeServerInfo(encodeUtf8(JSON.stringify(json)))).toEqual(info);
  });

  test.each(["null", "5", '"text"', "[]", "{", ""])("%j is no object", (text) => {
    expect(decodeServerInfo(encodeUtf8(text))).toBeUndefined();
  });
});
