import { type Command, Option } from "commander";
import type { ConformanceFlags } from "../conformance/conform.ts";
import { seconds, texts, wholeNumber } from "../flag-values.ts";

const EXAMPLES = `
Each check of a server has a network of its own, with a random name, and keeps to the default limits: other
clients of that server notice nothing. One check visits the default network for a moment. A server that asks
for a token has to be run without it.

The command of --client is started once for each check, without a shell: it is split at white space, '…' and
"…" keep together. {url} is where it has to go; {host}, {port} and {network} are there for those without URLs.

Examples:
  lekt conformance lekt://localhost:4000
  lekt conformance lekt://localhost:4000 --slow --json | jq '.results[] | select(.status == "fails")'
  lekt conformance lekt://localhost:4000 --clause 5.8.2
  lekt conformance --client 'python3 lekt_client.py {url} --name ada'
  lekt conformance --client 'node join.mjs {host} {port}' --only moved
  lekt conformance --list

Exit codes: 0 all that must hold holds; 1 something does not, or the command does not connect; 2 wrong usage;
4 no server.`;

export function addConformance(program: Command): void {
  program
    .command("conformance")
    .summary("what holds of another server or client, clause by clause")
    .description(
      "Plays the specification against a server, or against a client program, and says what holds.",
    )
    .argument("[url]", "the server's URL; its network plays no part")
    .option("--client <command>", "check this client program instead of a server")
    .addOption(new Option("--only <id>", "this check alone; can be given several times").argParser(texts))
    .addOption(
      new Option(
        "--clause <clause>",
        "the checks of this clause alone, slow ones, too: 5.8.2, 5.8, 'methods 17'",
      ).argParser(texts),
    )
    .option("--slow", "also what waits for long deadlines (half a minute)")
    .option("--list", "list the checks, and play none")
    .addOption(
      new Option("--events <form>", "judge what the client prints: the lines of lekt join --json").choices([
        "lekt-json",
      ]),
    )
    .addOption(
      new Option("--timeout <seconds>", "how long an answer is waited for (default: 3)").argParser(seconds),
    )
    .addOption(
      new Option(
        "--heartbeat-seconds <seconds>",
        "the server's heartbeat interval (default: what it says itself, or 10)",
      ).argParser(seconds),
    )
    .addOption(
      new Option("--setup-seconds <seconds>", "how long its setup may take (default: 10)").argParser(seconds),
    )
    .addOption(
      new Option("--connections-per-second <count>", "how fast the server is called (default: 25)").argParser(
        wholeNumber(1, 10_000),
      ),
    )
    .option("--json", "one JSON object")
    .addHelpText("after", EXAMPLES)
    .action(async (url: string | undefined, flags: ConformanceFlags) => {
      // Loaded here and not above: the other verbs have no use for it.
      const { conform } = await import("../conformance/conform.ts");
      await conform(url, flags);
    });
}
