import { Command, CommanderError } from "commander";
import { EXIT, EXIT_MEANINGS, type ExitCode } from "./exit-codes.ts";
import { failureLine, failureOf } from "./failure.ts";
import { endQuietlyOnBrokenPipe } from "./output.ts";
import { wasStopped } from "./stop-signals.ts";
import { addConformance } from "./verbs/conformance.ts";
import { addDecode } from "./verbs/decode.ts";
import { addDoctor } from "./verbs/doctor.ts";
import { addExpose } from "./verbs/expose.ts";
import { addForward } from "./verbs/forward.ts";
import { addJoin } from "./verbs/join.ts";
import { addKey } from "./verbs/key.ts";
import { addPeers } from "./verbs/peers.ts";
import { addPing } from "./verbs/ping.ts";
import { addPipe } from "./verbs/pipe.ts";
import { addReceive } from "./verbs/receive.ts";
import { addRelay } from "./verbs/relay.ts";
import { addSend } from "./verbs/send.ts";
import { addServe } from "./verbs/serve.ts";
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
    await commandLine().parseAsync(withoutEmptyHelp(args), { from: "user" });
    exit(EXIT.fine);
  } catch (error) {
    fail(error);
  }
}

const VERBS = [
  ...["serve", "relay", "join", "peers"],
  ...["key", "send", "receive", "pipe", "expose", "forward", "ping", "doctor"],
  ...["decode", "conformance"],
];

function commandLine(): Command {
  const program = new Command("lekt");
  program
    .description("LEKT: people and programs of a network find each other.")
    .version(versionText(), "-V, --version", "print the versions of lekt and of its protocol")
    .exitOverride()
    .configureOutput({ outputError: () => {} })
    .helpCommand("help [command]", "the same as --help")
    .addHelpText("after", `${EXAMPLES}\n\nExit codes:\n${exitCodeLines()}`);
  addServe(program);
  addRelay(program);
  addJoin(program);
  addPeers(program);
  addKey(program);
  addSend(program);
  addReceive(program);
  addPipe(program);
  addExpose(program);
  addForward(program);
  addPing(program);
  addDoctor(program);
  addDecode(program);
  addConformance(program);
  return program;
}

/** `lekt help serv` is answered as `lekt serv` is: there is no such command, and which was meant. */
function withoutEmptyHelp(args: readonly string[]): string[] {
  const [verb, topic] = args;
  const isUnknown = verb === "help" && topic !== undefined && ![...VERBS, "help"].includes(topic);
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
  const verb = args.find((arg) => VERBS.includes(arg));
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
