import { networkInterfaces } from "node:os";
import { formatLektUrl } from "@lekt/protocol";
import type { Colors } from "./output.ts";

/** What `lekt serve` knows when it starts to listen. */
export interface Listening {
  readonly host: string;
  readonly port: number;
  /** The first address of this machine that others in its network can reach. */
  readonly lanAddress: string | undefined;
  readonly wantsToken: boolean;
  readonly acceptInsecureTokens: boolean;
  readonly defaultNetwork: boolean;
  /** How the user starts lekt: `lekt` or `npx lekt`. */
  readonly command: string;
}

/** The first thing to read: where the server is, how to join, and who may. */
export function greeting(listening: Listening, colors: Colors): string {
  const { port, host, wantsToken } = listening;
  const where = isWildcard(host) ? `port ${port}, all addresses of this machine` : `${host}, port ${port}`;
  const commands = joinCommands(listening);
  const labelWidth = Math.max(...commands.map(({ label }) => label.length));
  const lines = commands.map(
    ({ label, command }) => `  ${label.padEnd(labelWidth)}   ${colors.bold(command)}`,
  );
  const who = wantsToken ? "Only who has the token may join" : "Anybody who reaches this port may join";
  return [
    `LEKT server listening: ${where}.`,
    "",
    "Join it:",
    ...lines,
    "",
    `${who}, and everybody in a network sees everybody's addresses.`,
    ...(wantsToken
      ? tokenAdvice(listening)
      : ["With --token-file FILE only those may join who have the secret."]),
    "",
    "Ctrl-C ends the server.",
    "",
  ].join("\n");
}

/** The URL for somebody on this machine. */
export function localUrl({ host, port, defaultNetwork }: Listening): string {
  const local = isWildcard(host) ? "localhost" : host;
  return urlOf(local, port, defaultNetwork);
}

/** The first IPv4 address that others can reach. */
export function lanAddress(): string | undefined {
  for (const addresses of Object.values(networkInterfaces())) {
    const found = addresses?.find(({ family, internal }) => family === "IPv4" && !internal);
    if (found) return found.address;
  }
  return undefined;
}

function isWildcard(host: string): boolean {
  return host === "::" || host === "0.0.0.0";
}

function joinCommands(listening: Listening): { label: string; command: string }[] {
  const {
    host,
    port,
    lanAddress: lan,
    wantsToken,
    command,
    defaultNetwork,
    acceptInsecureTokens,
  } = listening;
  const token = wantsToken ? " --token-file FILE" : "";
  const join = (url: string, more = "") => `${command} join ${url} --name YOUR-NAME${token}${more}`;
  const commands = [{ label: "On this machine:", command: join(localUrl(listening)) }];
  if (lan && isWildcard(host) && (!wantsToken || acceptInsecureTokens)) {
    const more = wantsToken ? " --allow-insecure-token" : "";
    commands.push({ label: "From another:", command: join(urlOf(lan, port, defaultNetwork), more) });
  }
  return commands;
}

function tokenAdvice({ acceptInsecureTokens }: Listening): string[] {
  return acceptInsecureTokens
    ? ["From other machines the token comes unprotected: who watches the line can read it."]
    : [
        "The token is taken from this machine alone, because the line is not protected;",
        "--accept-insecure-tokens takes it from others too, where you trust the line.",
      ];
}

function urlOf(host: string, port: number, defaultNetwork: boolean): string {
  return formatLektUrl({
    scheme: "lekt",
    host,
    port,
    network: defaultNetwork ? undefined : "YOUR-NETWORK",
    fragment: undefined,
  });
}
