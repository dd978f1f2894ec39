import { type Command, InvalidArgumentError, Option } from "commander";
import { addClientFlags, type ClientFlags } from "../client-flags.ts";
import { seconds, texts } from "../flag-values.ts";

export const METHOD_NAMES = ["tcp", "udp", "relay"] as const;
export type MethodName = (typeof METHOD_NAMES)[number];

/** What every verb that connects peers takes. */
export type PeerFlags = ClientFlags & {
  readonly name?: string;
  readonly identityFile?: string;
  readonly allow?: readonly string[];
  readonly methods?: readonly MethodName[];
  /** Milliseconds. */
  readonly timeout?: number;
  readonly json?: true;
};

/** How long a peer is waited for. */
export const PEER_TIMEOUT_MS = 60_000;

export function addPeerFlags(command: Command): void {
  command
    .option("--name <name>", "your name, for people to read (default: the name of this machine)")
    .option(
      "--identity-file <file>",
      "your identity, made where there is none (default: one in your configuration folder)",
    )
    .option(
      "--allow <identity>",
      "connect with this identity (long or short form), or with anyone; may be repeated",
      texts,
    )
    .addOption(
      new Option(
        "--methods <names>",
        "ways to connect, with commas between (default: tcp,udp,relay)",
      ).argParser(methodNames),
    )
    .addOption(
      new Option(
        "--timeout <seconds>",
        `how long to wait for the peer (default: ${PEER_TIMEOUT_MS / 1_000})`,
      ).argParser(seconds),
    )
    .option("--json", "one JSON object a line");
  addClientFlags(command);
}

function methodNames(text: string): MethodName[] {
  const names = text.split(",").map((name) => METHOD_NAMES.find((known) => known === name.trim()));
  const known = names.filter((name) => name !== undefined);
  if (known.length === names.length) return known;
  throw new InvalidArgumentError(`It must be some of ${METHOD_NAMES.join(", ")}, with commas between.`);
}

/** The sentences on who is let in and connected to, for the help of each verb. */
export const WHO_IS_CONNECTED = `
Strangers are refused, also where you ask for them by name, as a name is anybody's. Where the URL has a network key (lekt key
makes it) peers need that key, and to be named where --allow names any; where it has none, only those whom --allow names are
connected. A peer that you ask for by its identity needs no --allow. @FILE in place of the URL: it stands in that file, where ps
does not show its key.`;
