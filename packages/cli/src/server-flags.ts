import type { ServerOptions } from "@lekt/server";
import { type Command, Option } from "commander";
import { environmentSwitch, port, wholeNumber } from "./flag-values.ts";
import { relayKeyOf } from "./relay-key.ts";

/** The options of `createServer` that are numbers. */
type NumberOption = {
  [K in keyof ServerOptions]-?: number extends ServerOptions[K] ? K : never;
}[keyof ServerOptions];

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
  secondStunPort: {
    unit: "port",
    description:
      "second UDP port for STUN (default: the one after --port, or any free one where that is taken)",
  },
  stunRequestsPerSecond: {
    unit: "count",
    description: "STUN requests of one address (IPv6: /64) answered in a second (default: 256)",
  },
  maxCircuits: {
    unit: "count",
    description: "circuits relayed at once; fewer where file descriptors are short (default: 1024)",
  },
  maxCircuitsPerAddress: {
    unit: "count",
    description: "relayed connections of one address (IPv6: /64) (default: 256)",
  },
  maxCircuitBytes: {
    unit: "bytes",
    description: "bytes that may go through one circuit, both ways together (default: 17179869184)",
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
  readonly stun: boolean;
  readonly publicHost?: string;
  /** `--relay HOST:PORT`, or false for `--no-relay`. */
  readonly relay?: string | false;
  readonly relayKeyFile?: string;
};

export function addServerFlags(command: Command): void {
  command.addOption(
    new Option("--host <address>", "address to listen on (default: all, IPv6 and IPv4)").env("LEKT_HOST"),
  );
  for (const name of NUMBER_OPTIONS) command.addOption(numberOption(name, NUMBER_FLAGS[name]));
  command
    .option("--no-default-network", `clients must name a network (env: ${NO_DEFAULT_NETWORK}=1)`)
    .option(
      "--accept-insecure-tokens",
      `take tokens also over unprotected connections from other machines (env: ${ACCEPT_INSECURE_TOKENS}=1)`,
    )
    .option("--no-stun", `answer no STUN on UDP (env: ${NO_STUN}=1)`)
    .option("--no-relay", `relay nothing, and give no circuits (env: ${NO_RELAY}=1)`)
    .addOption(
      new Option("--relay <host:port>", "give circuits at this relay instead; needs its key").env(
        "LEKT_RELAY",
      ),
    )
    .addOption(
      new Option("--relay-key-file <file>", "file with the key shared with a relay, 64 hex digits").env(
        "LEKT_RELAY_KEY_FILE",
      ),
    )
    .addOption(
      new Option(
        "--public-host <host>",
        "name or address at which clients reach relay and STUN, where it is not this machine's own",
      ).env("LEKT_PUBLIC_HOST"),
    );
}

export interface NumberFlag {
  readonly unit: string;
  readonly description: string;
}

/** The flag and the variable that are named after an option. */
export function numberOption(name: string, { unit, description }: NumberFlag): Option {
  const parse = unit === "port" ? port : wholeNumber(0, Number.MAX_SAFE_INTEGER);
  return new Option(`${flagOf(name)} <${unit}>`, description).env(variableOf(name)).argParser(parse);
}

const NO_DEFAULT_NETWORK = "LEKT_NO_DEFAULT_NETWORK";
const NO_STUN = "LEKT_NO_STUN";
const NO_RELAY = "LEKT_NO_RELAY";
const ACCEPT_INSECURE_TOKENS = "LEKT_ACCEPT_INSECURE_TOKENS";

/** What flags and environment say; what they do not say has the server's own default. */
export function serverOptionsOf(flags: ServerFlags, env: NodeJS.ProcessEnv): ServerOptions {
  const numbers: { [K in NumberOption]?: number } = {};
  for (const name of NUMBER_OPTIONS) {
    const value = flags[name];
    if (value !== undefined) numbers[name] = value;
  }
  const { relay, relayKeyFile, publicHost } = flags;
  return {
    ...numbers,
    ...(flags.host !== undefined && { host: flags.host }),
    defaultNetwork: flags.defaultNetwork && environmentSwitch(NO_DEFAULT_NETWORK, env) !== true,
    acceptInsecureTokens:
      flags.acceptInsecureTokens ?? environmentSwitch(ACCEPT_INSECURE_TOKENS, env) ?? false,
    stun: flags.stun && environmentSwitch(NO_STUN, env) !== true,
    relay: relay !== false && environmentSwitch(NO_RELAY, env) !== true,
    ...(typeof relay === "string" && { relayAddress: relay }),
    ...(relayKeyFile !== undefined && { relayKey: relayKeyOf("--relay-key-file", relayKeyFile) }),
    ...(publicHost !== undefined && { publicHost }),
  };
}

/** The server names its options; the user knows them by flag and variable. */
export function nameFlagIn(message: string): string {
  const text = message.replace("relayAddress", "--relay").replace("relayKey", "--relay-key-file");
  return nameNumberIn(text, NUMBER_OPTIONS);
}

/** @param names of the options that have a flag. */
export function nameNumberIn(message: string, names: readonly string[]): string {
  const name = names.find((option) => message.startsWith(`${option} `));
  return name ? `${flagOf(name)} (${variableOf(name)})${message.slice(name.length)}` : message;
}

/** maxClients: --max-clients */
function flagOf(name: string): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** maxClients: LEKT_MAX_CLIENTS */
function variableOf(name: string): string {
  return `LEKT_${name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
}
