import { LektError } from "@lekt/protocol";
import { createRelay, type LektRelay, type RelayOptions } from "@lekt/server";
import { type Command, Option } from "commander";
import { jsonLine } from "../json-line.ts";
import { addLogFlags, type LogFlags, loggerOf } from "../log-flags.ts";
import { ignoreBrokenPipe, write } from "../output.ts";
import { relayKeyOf } from "../relay-key.ts";
import { type NumberFlag, nameNumberIn, numberOption } from "../server-flags.ts";
import { onStopSignal } from "../stop-signals.ts";

type NumberOption = {
  [K in keyof RelayOptions]-?: number extends RelayOptions[K] ? K : never;
}[keyof RelayOptions];

/** Every number of `createRelay` has a flag and a variable named after it: the type asks for it. */
const NUMBER_FLAGS: Readonly<Record<NumberOption, NumberFlag>> = {
  port: { unit: "port", description: "port to listen on; 0: any free one (default: 15358)" },
  maxCircuits: {
    unit: "count",
    description: "circuits at once; fewer where file descriptors are short (default: 1024)",
  },
  maxCircuitsPerAddress: {
    unit: "count",
    description: "connections of one address (IPv6: /64) (default: 256)",
  },
  maxCircuitBytes: {
    unit: "bytes",
    description: "bytes that may go through one circuit, both ways together (default: 17179869184)",
  },
  maxNewcomers: {
    unit: "count",
    description: "connections that have not shown a token yet (default: 1024)",
  },
  maxConnectionsPerSecond: {
    unit: "count",
    description: "new connections of one address (IPv6: /64) in a second (default: 32)",
  },
  setupTimeoutMs: { unit: "ms", description: "milliseconds until the token has come (default: 10000)" },
};

const NUMBER_OPTIONS = Object.keys(NUMBER_FLAGS) as NumberOption[];

type RelayFlags = LogFlags & { readonly [K in NumberOption]?: number } & {
  readonly keyFile: string;
  readonly host?: string;
  readonly json?: true;
};

const EXAMPLES = `
A flag wins over its environment variable.

Examples:
  openssl rand -hex 32 > relay.key
  lekt relay --key-file relay.key
  lekt serve --relay relay.example.org:15358 --relay-key-file relay.key     its server, on another machine

Exit codes: 0 ended by SIGINT or SIGTERM; 2 wrong usage; 7 cannot listen.`;

export function addRelay(program: Command): void {
  const command = program
    .command("relay")
    .summary("run a relay alone")
    .description(
      "Relays between peers that cannot reach each other, until SIGINT or SIGTERM. Who may use it, a server " +
        "with the same key decides; what goes through it is encrypted by the peers. The log goes to stderr.",
    )
    .addOption(
      new Option("--key-file <file>", "file with the key that its servers have too, 64 hex digits")
        .env("LEKT_RELAY_KEY_FILE")
        .makeOptionMandatory(),
    )
    .addOption(
      new Option("--host <address>", "address to listen on (default: all, IPv6 and IPv4)").env("LEKT_HOST"),
    );
  for (const name of NUMBER_OPTIONS) command.addOption(numberOption(name, NUMBER_FLAGS[name]));
  addLogFlags(command);
  command
    .option("--json", "print one JSON object when listening, instead of text")
    .addHelpText("after", EXAMPLES)
    .action(relay);
}

async function relay(flags: RelayFlags): Promise<void> {
  ignoreBrokenPipe();
  const numbers: { [K in NumberOption]?: number } = {};
  for (const name of NUMBER_OPTIONS) {
    const value = flags[name];
    if (value !== undefined) numbers[name] = value;
  }
  const server = createNamingFlags({
    ...numbers,
    key: relayKeyOf("--key-file", flags.keyFile),
    logger: await loggerOf(flags),
    ...(flags.host !== undefined && { host: flags.host }),
  });
  const stopped = new Promise<NodeJS.Signals>((resolve) => onStopSignal(resolve));
  await server.listen();
  const { host, port } = server.address as { host: string; port: number };
  const text = `LEKT relay listening: ${host}, port ${port}.\nCtrl-C ends the relay.\n`;
  await write(flags.json ? jsonLine({ event: "listening", host, port }) : text);
  await stopped;
  await server.drain();
}

function createNamingFlags(options: RelayOptions): LektRelay {
  try {
    return createRelay(options);
  } catch (error) {
    if (!(error instanceof LektError) || error.code !== "LEKT_OPTION") throw error;
    throw new LektError(error.code, nameNumberIn(error.message, NUMBER_OPTIONS), { cause: error });
  }
}
