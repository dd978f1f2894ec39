import { randomBytes } from "node:crypto";
import { identityText, LektError, parseLektUrl, toHex } from "@lekt/protocol";
import type { Command } from "commander";
import { URL_HELP } from "../client-flags.ts";
import { configFolder } from "../config-folder.ts";
import { jsonLine } from "../json-line.ts";
import { write } from "../output.ts";
import { ownIdentity } from "../own-identity.ts";

const EXAMPLES = `
A network key is a secret of the peers, which the server never sees. Who has the URL has the key: pass it on to those
who may connect, and to nobody else. With it, a server that lies about who is who is caught. Keep it in a file that only you
can read (umask 077), and name that file in place of the URL: @FILE. On the command line everybody on this machine can read
it in ps.

Examples:
  lekt key lekt://example.org/friends                          the URL to pass on
  (umask 077; lekt key lekt://example.org/friends > url.txt)   … in a file
  lekt receive @url.txt                                        … which stands for it
  lekt key --identity                            your own identity, for others to compare or to --allow

Exit codes: 0 fine; 2 wrong usage.`;

const KEY_BYTES = 32;

export function addKey(program: Command): void {
  program
    .command("key")
    .summary("make a network key, and the URL to pass on")
    .description("Makes a network key: prints the URL of a network with a new key in it.")
    .argument("[url]", URL_HELP)
    .option("--identity", "print your own identity instead")
    .option("--json", "one JSON object")
    .addHelpText("after", EXAMPLES)
    .action(key);
}

async function key(
  url: string | undefined,
  flags: { readonly identity?: true; readonly json?: true },
): Promise<void> {
  if (flags.identity) {
    const { fingerprint } = await ownIdentity(configFolder(process.env));
    const shown = { identity: toHex(fingerprint), short: identityText(fingerprint) };
    await write(flags.json ? jsonLine(shown) : `${shown.short}\n${shown.identity}\n`);
    return;
  }
  if (url === undefined) {
    throw new LektError("LEKT_OPTION", "The URL is missing: lekt key lekt://host/network.");
  }
  const { fragment, networkKey } = parseLektUrl(url);
  if (networkKey) {
    throw new LektError("LEKT_OPTION", "The URL has a network key already. Leave it out for a new one.");
  }
  const text = randomBytes(KEY_BYTES).toString("base64url");
  const separator = fragment ? "&" : url.endsWith("#") ? "" : "#";
  const withKey = `${url}${separator}key=${text}`;
  await write(flags.json ? jsonLine({ url: withKey, key: text }) : `${withKey}\n`);
}
