import { Command, CommanderError } from "commander";
import { EXIT, EXIT_MEANINGS, type ExitCode } from "./exit-codes.ts";
import { failureLine, failureOf } from "./failure.ts";
import { endQuietlyOnBrokenPipe } from "./output.ts";
import { wasStopped } from "./stop-signals.ts";
import { versionText } from "./version-text.ts";

const EXAMPLES = `
Examples:
  lekt serve                                            a server for this machine and its network
  lekt relay --key-file relay.key                       a relay for circuits of servers elsewhere
  lekt join lekt://localhost/friends --name ada         be there, and see who else is
  lekt peers lekt://localhost/friends                   one look, without being seen
  lekt peers lekt://localhost/friends --wait 3          wait until three are there
  lekt send photos "$URL" --to ada                      files and folders, to a peer that runs lekt receive
  lekt decode capture.hex                               read what went over the wire
  lekt conformance lekt://localhost                     what holds of a server, clause by clause`;

/** Runs `lekt` with these arguments and ends the process. */
export async function run(args: readonly string[]): Promise<void> {
  endQuietlyOnBrokenPipe();
  ignoreEmptyVariables(process.env);
  const fail = (error: unknown) => exit(report(error, args));
  process.on("uncaughtException", fail);
  process.on("unhandledRejection", fail);
  try {
    const program = await commandLine(args);
    await program.parseAsync(withoutEmptyHelp(args), { from: "user" });
    exit(EXIT.fine);
  } catch (error) {
    fail(error);
  }
}

/** In the order of the help. A verb's code is loaded when it is asked for. */
const VERBS: ReadonlyMap<string, () => Promise<(program: Command) => void>> = new Map([
  ["serve", async () => (await import("./verbs/serve.ts")).addServe],
  ["relay", async () => (await import("./verbs/relay.ts")).addRelay],
  ["join", async () => (await import("./verbs/join.ts")).addJoin],
  ["peers", async () => (await import("./verbs/peers.ts")).addPeers],
  ["key", async () => (await import("./verbs/key.ts")).addKey],
  ["send", async () => (await import("./verbs/send.ts")).addSend],
  ["receive", async () => (await import("./verbs/receive.ts")).addReceive],
  ["pipe", async () => (await import("./verbs/pipe.ts")).addPipe],
  ["expose", async () => (await import("./verbs/expose.ts")).addExpose],
  ["forward", async () => (await import("./verbs/forward.ts")).addForward],
  ["ping", async () => (await import("./verbs/ping.ts")).addPing],
  ["doctor", async () => (await import("./verbs/doctor.ts")).addDoctor],
  ["decode", async () => (await import("./verbs/decode.ts")).addDecode],
  ["conformance", async () => (await import("./verbs/conformance.ts")).addConformance],
]);

async function commandLine(args: readonly string[]): Promise<Command> {
  const program = new Command("lekt");
  program
    .description("LEKT: people and programs of a network find each other.")
    .version(versionText(), "-V, --version", "print the versions of lekt and of its protocol")
    .exitOverride()
    .configureOutput({ outputError: () => {} })
    .helpCommand("help [command]", "the same as --help")
    .addHelpText("after", `${EXAMPLES}\n\nExit codes:\n${exitCodeLines()}`);
  const only = VERBS.get(args[0] ?? "");
  for (const load of only ? [only] : VERBS.values()) (await load())(program);
  return program;
}

/** `lekt help serv` is answered as `lekt serv` is: there is no such command, and which was meant. */
function withoutEmptyHelp(args: readonly string[]): string[] {
  const [verb, topic] = args;
  const isUnknown = verb === "help" && topic !== undefined && topic !== "help" && !VERBS.has(topic);
  return isUnknown ? [topic] : [...args];
}

function exitCodeLines(): string {
  return Object.entries(EXIT_MEANINGS)
    .map(([code, meaning]) => `  ${code}  ${meaning}`)
    .join("\n");
}

/** Says what failed, and gives the exit code. */
function report(error: unknown, args: readonly string[]): ExitCode {
  if (error instanceof CommanderError && error.exitCode === 0) return EXIT.fine;
  // `lekt` alone: commander has written the help to stderr.
  if (error instanceof CommanderError && error.code === "commander.help") return EXIT.usage;
  const verb = args.find((arg) => VERBS.has(arg));
  const failure = failureOf(error, verb);
  process.stderr.write(failureLine(failure, args.includes("--json")));
  return failure.exitCode;
}

/** How long the end waits for a reader who does not read, once the user wants the end. */
const LAST_WORDS_MS = 1_000;

/** When all that was written is out: stdout may be a pipe that is read slowly. */
function exit(code: ExitCode): void {
  if (wasStopped()) setTimeout(() => process.exit(code), LAST_WORDS_MS);
  process.stdout.write("", () => process.stderr.write("", () => process.exit(code)));
}

/** Compose files and shells pass variables on that are set to nothing; they count as not set. */
function ignoreEmptyVariables(env: NodeJS.ProcessEnv): void {
  for (const name of Object.keys(env)) if (name.startsWith("LEKT_") && env[name] === "") delete env[name];
}
