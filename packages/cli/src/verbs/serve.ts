import { LektError } from "@lekt/protocol";
import { createServer, type LektServer, type ServerOptions } from "@lekt/server";
import type { Command } from "commander";
import { greeting, type Listening, lanAddress, localUrl } from "../greeting.ts";
import { jsonLine } from "../json-line.ts";
import { addLogFlags, type LogFlags, loggerOf } from "../log-flags.ts";
import { colorsFor, ignoreBrokenPipe, write } from "../output.ts";
import { addServerFlags, nameFlagIn, type ServerFlags, serverOptionsOf } from "../server-flags.ts";
import { onStopSignal } from "../stop-signals.ts";
import { addTokenFlags, authorizeByToken, type TokenFlags, tokenOf } from "../token.ts";

type ServeFlags = ServerFlags &
  TokenFlags &
  LogFlags & {
    readonly json?: true;
  };

const EXAMPLES = `
A flag wins over its environment variable.

Examples:
  lekt serve
  lekt serve --port 4000 --host 127.0.0.1
  LEKT_MAX_CLIENTS=50000 LEKT_MAX_CLIENTS_PER_ADDRESS=5000 lekt serve
  lekt serve --token-file secret.txt
  lekt serve --public-host lekt.example.org     behind a port forwarding
  lekt serve --relay relay.example.org:15358 --relay-key-file relay.key
  lekt serve --port 0 --json | head -1          any free port; the line says which

Exit codes: 0 ended by SIGINT or SIGTERM; 2 wrong usage; 7 cannot listen.`;

export function addServe(program: Command): void {
  const command = program
    .command("serve")
    .summary("run a server")
    .description("Runs a rendezvous server until SIGINT or SIGTERM. The log goes to stderr.");
  addServerFlags(command);
  addTokenFlags(command, "that clients must present");
  addLogFlags(command);
  command
    .option("--json", "print one JSON object when listening, instead of text")
    .addHelpText("after", EXAMPLES)
    .action(serve);
}

async function serve(flags: ServeFlags): Promise<void> {
  ignoreBrokenPipe();
  const token = tokenOf(flags, process.env);
  const colors = colorsFor(process.stdout, process.env);
  const options: ServerOptions = {
    ...serverOptionsOf(flags, process.env),
    logger: await loggerOf(flags),
    ...(token && { authorize: authorizeByToken(token) }),
  };
  const server = createNamingFlags(options);
  const stopped = new Promise<NodeJS.Signals>((resolve) => onStopSignal(resolve));
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
  const { stunPorts } = server;
  const line = { event: "listening", ...address, url: localUrl(listening), stunPorts };
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
