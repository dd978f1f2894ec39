import { LektError } from "@lekt/protocol";
import { createServer, type LektServer, type ServerOptions } from "@lekt/server";
import { type Command, Option } from "commander";
import { greeting, type Listening, lanAddress, localUrl } from "../greeting.ts";
import { jsonLine } from "../json-line.ts";
import { colorsFor, ignoreBrokenPipe, write } from "../output.ts";
import {
  addServerFlags,
  LOG_FORMATS,
  LOG_LEVELS,
  type LogFormat,
  type LogLevel,
  nameFlagIn,
  type ServerFlags,
  serverOptionsOf,
} from "../server-flags.ts";
import { onStopSignal } from "../stop-signals.ts";
import { addTokenFlags, authorizeByToken, type TokenFlags, tokenOf } from "../token.ts";

type ServeFlags = ServerFlags &
  TokenFlags & {
    readonly logLevel: LogLevel;
    readonly logFormat?: LogFormat;
    readonly json?: true;
  };

const EXAMPLES = `
A flag wins over its environment variable.

Examples:
  lekt serve
  lekt serve --port 4000 --host 127.0.0.1
  LEKT_MAX_CLIENTS=50000 LEKT_MAX_CLIENTS_PER_ADDRESS=5000 lekt serve
  lekt serve --token-file secret.txt
  lekt serve --port 0 --json | head -1          any free port; the line says which

Exit codes: 0 ended by SIGINT or SIGTERM; 2 wrong usage; 7 cannot listen.`;

export function addServe(program: Command): void {
  const command = program
    .command("serve")
    .summary("run a server")
    .description("Runs a rendezvous server until SIGINT or SIGTERM. The log goes to stderr.");
  addServerFlags(command);
  addTokenFlags(command, "that clients must present");
  command
    .addOption(
      new Option("--log-level <level>", "how much is logged")
        .env("LEKT_LOG_LEVEL")
        .choices(LOG_LEVELS)
        .default("info"),
    )
    .addOption(
      new Option("--log-format <format>", "how (default: pretty on a terminal, json otherwise)")
        .env("LEKT_LOG_FORMAT")
        .choices(LOG_FORMATS),
    )
    .option("--json", "print one JSON object when listening, instead of text")
    .addHelpText("after", EXAMPLES)
    .action(serve);
}

async function serve(flags: ServeFlags): Promise<void> {
  ignoreBrokenPipe();
  const token = tokenOf(flags, process.env);
  const colors = colorsFor(process.stdout, process.env);
  const format = flags.logFormat ?? (process.stderr.isTTY ? "pretty" : "json");
  const logColors = colorsFor(process.stderr, process.env).isColorSupported;
  // Loaded here and not above: the other verbs, and --help, start in half the time.
  const { createLogger } = await import("../server-log.ts");
  const options: ServerOptions = {
    ...serverOptionsOf(flags, process.env),
    logger: createLogger(flags.logLevel, format, logColors),
    ...(token && { authorize: authorizeByToken(token) }),
  };
  const server = createNamingFlags(options);
  const stopped = new Promise<NodeJS.Signals>(onStopSignal);
  await server.listen();
  const address = server.address as { host: string; port: number };
  const listening: Listening = {
    ...address,
    lanAddress: lanAddress(),
    wantsToken: token !== undefined,
    acceptInsecureTokens: options.acceptInsecureTokens === true,
    defaultNetwork: options.defaultNetwork !== false,
    command: process.env["npm_command"] === undefined ? "lekt" : "npx lekt",
  };
  const line = { event: "listening", ...address, url: localUrl(listening) };
  await write(flags.json ? jsonLine(line) : greeting(listening, colors));
  await stopped;
  if (!flags.json) await write(`\nEnding: ${farewell(server)} Ctrl-C again ends at once.\n`);
  await server.drain();
}

function farewell(server: LektServer): string {
  const { clients } = server.counts;
  if (clients === 0) return "nobody is connected.";
  return `${clients === 1 ? "1 client is" : `${clients} clients are`} told that the server goes down.`;
}

function createNamingFlags(options: ServerOptions): LektServer {
  try {
    return createServer(options);
  } catch (error) {
    if (!(error instanceof LektError) || error.code !== "LEKT_OPTION") throw error;
    throw new LektError(error.code, nameFlagIn(error.message), { cause: error });
  }
}
