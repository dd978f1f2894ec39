import { LektError } from "@lekt/protocol";
import { describe, expect, test } from "vitest";
import { descriptorLimit } from "../src/descriptor-limit.ts";
import { DESCRIPTOR_RESERVE, resolveOptions, type ServerOptions } from "../src/options.ts";

const MAX_INT = 2 ** 31 - 1;

/** Each number of `ServerOptions`: default, least, most. */
const NUMBERS = {
  port: [15_358, 0, 65_535],
  maxClients: [16_384, 1, MAX_INT],
  maxClientsPerNetwork: [10_000, 1, MAX_INT],
  maxClientsPerAddress: [64, 1, MAX_INT],
  maxConnectionsPerSecond: [32, 1, MAX_INT],
  tickMs: [20, 0, 10_000],
  heartbeatIntervalMs: [10_000, 1, MAX_INT],
  setupTimeoutMs: [10_000, 1, MAX_INT],
  heartbeatsPerSecond: [20, 0, 1_000_000],
  signalsPerSecond: [50, 0, 1_000_000],
  secondStunPort: [0, 0, 65_535],
  stunRequestsPerSecond: [256, 1, MAX_INT],
  maxCircuits: [1_024, 1, MAX_INT],
  maxCircuitsPerAddress: [256, 1, MAX_INT],
  maxCircuitBytes: [16 * 1_024 ** 3, 1, Number.MAX_SAFE_INTEGER],
  historyMs: [600_000, 0, MAX_INT],
  historyBytes: [67_108_864, 32_768, Number.MAX_SAFE_INTEGER],
  totalHistoryBytes: [268_435_456, 32_768, Number.MAX_SAFE_INTEGER],
  maxKnownMethods: [1_024, 0, 1_000_000],
  maxPayloadBytes: [4_096, 1, MAX_INT],
  maxTotalPayloadBytes: [16_384, 1, MAX_INT],
  maxPublishedBytes: [2_048, 0, 30_000],
} as const satisfies { [K in keyof ServerOptions as number extends ServerOptions[K] ? K : never]-?: unknown };

type NumberName = keyof typeof NUMBERS;
const names = Object.keys(NUMBERS) as NumberName[];
const descriptors = descriptorLimit() - DESCRIPTOR_RESERVE;
/** A quarter of the descriptors, two for each. */
const mostCircuits = Math.max(1, Math.floor(descriptors / 8));
const mostClients = Math.max(1, descriptors - 2 * Math.min(1_024, mostCircuits));
const CAPS: Partial<Record<NumberName, number>> = { maxClients: mostClients, maxCircuits: mostCircuits };

/** The error's message where the value is refused. */
function faultOf(name: NumberName, value: unknown): string | undefined {
  try {
    resolveOptions({ [name]: value });
    return undefined;
  } catch (error) {
    if (error instanceof LektError && error.code === "LEKT_OPTION") return error.message;
    throw error;
  }
}

describe.each(names)("%s", (name) => {
  const [byDefault, least, most] = NUMBERS[name];
  const capped = (value: number) => Math.min(value, CAPS[name] ?? value);

  test("has the default of spec/limits.md", () => {
    expect(resolveOptions({})[name]).toBe(capped(byDefault));
  });

  test("may be the least and the most of its range", () => {
    expect(resolveOptions({ [name]: least })[name]).toBe(least);
    expect(resolveOptions({ [name]: most })[name]).toBe(capped(most));
  });

  test.each([least - 1, most + 1])("may not be %d: the error names the option and the value", (value) => {
    expect(faultOf(name, value)).toContain(name);
    expect(faultOf(name, value)).toContain(String(value));
  });

  test.each([0.5, Number.NaN, Number.POSITIVE_INFINITY, "80", null])("may not be %s", (value) => {
    expect(faultOf(name, value)).toContain(String(value));
  });
});

test("an option that is there and undefined counts as not there", () => {
  expect(resolveOptions({ port: undefined } as unknown as ServerOptions).port).toBe(15_358);
});

test("no more clients than the process's file descriptors allow, less a reserve", () => {
  expect(resolveOptions({ maxClients: MAX_INT }).maxClients).toBe(Math.min(MAX_INT, mostClients));
  expect(resolveOptions({ maxClients: 1 }).maxClients).toBe(1);
});

test("a server that relays nothing leaves all descriptors to its clients", () => {
  const all = Math.max(1, Math.min(MAX_INT, descriptors));
  expect(resolveOptions({ maxClients: MAX_INT, relay: false }).maxClients).toBe(all);
});

describe("the relay's options", () => {
  const relayKey = new Uint8Array(32);

  test.each([
    [{ relayKey: new Uint8Array(31) }, "32 bytes or more, not 31"],
    [{ relayAddress: "relay.example.org:15358" }, "without the relay's key"],
    [{ relayAddress: "relay.example.org", relayKey }, "host:port, not relay.example.org"],
    [{ relayAddress: "relay.example.org:0", relayKey }, "host:port"],
    [{ relayAddress: "2001:db8::1:15358", relayKey }, "host:port"],
  ])("not %o", (options, message) => {
    expect(() => resolveOptions(options)).toThrow(message);
  });

  test.each(["relay.example.org:15358", "192.0.2.1:1", "[2001:db8::1]:65535"])("at %s", (relayAddress) => {
    expect(resolveOptions({ relayAddress, relayKey })).toMatchObject({ relay: true, relayAddress });
  });
});

describe("the public host", () => {
  test.each(["lekt.example.org", "192.0.2.1", "2001:db8::1", "[2001:db8::1]"])("may be %s", (publicHost) => {
    expect(resolveOptions({ publicHost }).publicHost).toBe(publicHost);
  });

  test.each(["", "lekt.example.org:15358", "lekt://lekt.example.org", "a b", "2001:db8::1::2"])(
    "may not be %o: clients would be told what they cannot reach",
    (publicHost) => {
      expect(() => resolveOptions({ publicHost })).toThrow(`without a port, not "${publicHost}"`);
    },
  );
});

test("what is no number is passed on, with its default", () => {
  const nothing = { host: undefined, logger: undefined, authorize: undefined };
  const switches = { acceptInsecureTokens: false, defaultNetwork: true, stun: true, relay: true };
  expect(resolveOptions({})).toMatchObject({ ...nothing, ...switches });
  const authorize = () => undefined;
  const given = { host: "::1", authorize, acceptInsecureTokens: true, defaultNetwork: false };
  expect(resolveOptions(given)).toMatchObject(given);
});
