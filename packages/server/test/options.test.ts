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
  signalsPerSecond: [50, 0, 1_000_000],
  heartbeatsPerSecond: [20, 0, 1_000_000],
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
const mostClients = Math.max(1, descriptorLimit() - DESCRIPTOR_RESERVE);

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
  const capped = (value: number) => (name === "maxClients" ? Math.min(value, mostClients) : value);

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

test("what is no number is passed on, with its default", () => {
  const nothing = { host: undefined, logger: undefined, authorize: undefined };
  expect(resolveOptions({})).toMatchObject({ ...nothing, acceptInsecureTokens: false, defaultNetwork: true });
  const authorize = () => undefined;
  const given = { host: "::1", authorize, acceptInsecureTokens: true, defaultNetwork: false };
  expect(resolveOptions(given)).toMatchObject(given);
});
