import type { JoinOptions } from "@lekt/client";
import type { Command } from "commander";
import { fileOfFlag } from "./flag-values.ts";
import { addTokenFlags, type TokenFlags, tokenOf } from "./token.ts";

/** What every verb that connects to a server takes. */
export type ClientFlags = TokenFlags & {
  readonly allowInsecureToken?: true;
  readonly waitForServer?: true;
};

export function addClientFlags(command: Command): void {
  addTokenFlags(command, "that the server asks for");
  command
    .option(
      "--allow-insecure-token",
      "send the token to another machine though the connection is not protected",
    )
    .option("--wait-for-server", "keep trying where the server is not there yet");
}

export function clientOptionsOf(flags: ClientFlags, env: NodeJS.ProcessEnv): JoinOptions {
  const token = tokenOf(flags, env);
  return {
    ...(token && { token }),
    allowInsecureToken: flags.allowInsecureToken === true,
    waitForServer: flags.waitForServer === true,
  };
}

/** The URL, or what is in the file that stands for it: `@FILE`. @throws LektError `LEKT_OPTION` */
export function urlOf(argument: string): string {
  if (!argument.startsWith("@")) return argument;
  return Buffer.from(fileOfFlag("<url>", argument.slice(1)))
    .toString()
    .trim();
}

/** The argument `<url>`. */
export const URL_HELP =
  "lekt://host[:port][/network]; without a port 15358, without a network the default one";

/** The flags of the client library's options. */
const FLAGS: Readonly<Record<string, string>> = {
  name: "--name",
  data: "--data",
  tcp: "--tcp",
  udp: "--udp",
  relay: "--relay",
  identity: "--identity",
  payloads: "--method",
  token: "--token-file",
  watch: "--watch",
};

/** The client library names its options; the user knows them as flags. */
export function nameClientFlagsIn(message: string): string {
  return message.replace(/\bthe option ([a-zA-Z]+)/gi, (text, name: string) => FLAGS[name] ?? text);
}
