import type { ServerOptions } from "@lekt/server";
import { type Command, Option } from "commander";
import { environmentSwitch, port, wholeNumber } from "./flag-values.ts";

export const LOG_LEVELS = ["fatal", "error", "warn", "info", "debug", "trace", "silent"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];
export const LOG_FORMATS = ["pretty", "json"] as const;
export type LogFormat = (typeof LOG_FORMATS)[number];

/** The options of `createServer` that are numbers. */
type NumberOption = {
  [K in keyof ServerOptions]-?: number extends ServerOptions[K] ? K : never;
}[keyof ServerOptions];

interface NumberFlag {
  readonly unit: string;
  readonly description: string;
}

/** Every number of `createServer` has a flag and a variable named after it: the type asks for it. */
const NUMBER_FLAGS: Readonly<Record<NumberOption, NumberFlag>> = {
  port: { unit: "port", description: "port to listen on; 0: any free one (default: 15358)" },
  maxClients: {
    unit: "count",
    description: "clients in all; never more than file descriptors allow (default: 16384)",
  },
  maxClientsPerNetwork: { unit: "count", description: "clients in one network (default: 10000)" },
  maxClientsPerAddress: {
    unit: "count",
    description: "clients of one address (IPv6: /64) in one network (default: 64)",
  },
  maxConnectionsPerSecond: {
    unit: "count",
    description: "new connections of one address (IPv6: /64) in a second (default: 32)",
  },
  heartbeatIntervalMs: {
    unit: "ms",
    description:
      "milliseconds between heartbeats; after three without one a client is dropped (default: 10000)",
  },
  heartbeatsPerSecond: {
    unit: "count",
    description: "heartbeats that one client may send in a second, on average; 0: no limit (default: 20)",
  },
  signalsPerSecond: {
    unit: "count",
    description: "signals that one client may send in a second, on average; 0: no limit (default: 50)",
  },
  setupTimeoutMs: { unit: "ms", description: "milliseconds for handshake and setup (default: 10000)" },
  tickMs: { unit: "ms", description: "milliseconds in which changes are gathered (default: 20)" },
  historyMs: { unit: "ms", description: "milliseconds of past kept for each network (default: 600000)" },
  historyBytes: { unit: "bytes", description: "bytes of past kept for each network (default: 67108864)" },
  totalHistoryBytes: {
    unit: "bytes",
    description: "bytes of past kept for all networks together (default: 268435456)",
  },
  maxKnownMethods: { unit: "count", description: "methods that a client may say it knows (default: 1024)" },
  maxPayloadBytes: { unit: "bytes", description: "bytes of one method's payload (default: 4096)" },
  maxTotalPayloadBytes: { unit: "bytes", description: "bytes of all payloads of a client (default: 16384)" },
  maxPublishedBytes: {
    unit: "bytes",
    description: "bytes of a client's published payloads, which everybody gets (default: 2048)",
  },
};

const NUMBER_OPTIONS = Object.keys(NUMBER_FLAGS) as NumberOption[];

export type ServerFlags = { readonly [K in NumberOption]?: number } & {
  readonly host?: string;
  readonly acceptInsecureTokens?: true;
  /** commander's shape of `--no-default-network`. */
  readonly defaultNetwork: boolean;
};

export function addServerFlags(command: Command): void {
  command.addOption(
    new Option("--host <address>", "address to listen on (default: all, IPv6 and IPv4)").env("LEKT_HOST"),
  );
  for (const name of NUMBER_OPTIONS) {
    const { unit, description } = NUMBER_FLAGS[name];
    const parse = name === "port" ? port : wholeNumber(0, Number.MAX_SAFE_INTEGER);
    command.addOption(
      new Option(`${flagOf(name)} <${unit}>`, description).env(variableOf(name)).argParser(parse),
    );
  }
  command
    .option("--no-default-network", `clients must name a network (env: ${NO_DEFAULT_NETWORK}=1)`)
    .option(
      "--accept-insecure-tokens",
      `take tokens also over unprotected connections from other machines (env: ${ACCEPT_INSECURE_TOKENS}=1)`,
    );
}

const NO_DEFAULT_NETWORK = "LEKT_NO_DEFAULT_NETWORK";
const ACCEPT_INSECURE_TOKENS = "LEKT_ACCEPT_INSECURE_TOKENS";

/** What flags and environment say; what they do not say has the server's own default. */
export function serverOptionsOf(flags: ServerFlags, env: NodeJS.ProcessEnv): ServerOptions {
  const numbers: { [K in NumberOption]?: number } = {};
  for (const name of NUMBER_OPTIONS) {
    const value = flags[name];
    if (value !== undefined) numbers[name] = value;
  }
  return {
    ...numbers,
    ...(flags.host !== undefined && { host: flags.host }),
    defaultNetwork: flags.defaultNetwork && environmentSwitch(NO_DEFAULT_NETWORK, env) !== true,
    acceptInsecureTokens:
      flags.acceptInsecureTokens ?? environmentSwitch(ACCEPT_INSECURE_TOKENS, env) ?? false,
  };
}

/** The server names its options; the user knows them by flag and variable. */
export function nameFlagIn(message: string): string {
  const name = NUMBER_OPTIONS.find((option) => message.startsWith(`${option} `));
  return name ? `${flagOf(name)} (${variableOf(name)})${message.slice(name.length)}` : message;
}

/** maxClients: --max-clients */
function flagOf(name: NumberOption): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** maxClients: LEKT_MAX_CLIENTS */
function variableOf(name: NumberOption): string {
  return `LEKT_${name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
}
