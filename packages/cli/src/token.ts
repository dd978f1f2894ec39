import { createHash, timingSafeEqual } from "node:crypto";
import { LektError } from "@lekt/protocol";
import type { AuthorizeRequest, AuthorizeVerdict } from "@lekt/server";
import { type Command, Option } from "commander";
import { fileOfFlag } from "./flag-values.ts";

export interface TokenFlags {
  readonly token?: string;
  readonly tokenFile?: string;
}

/** Adds `--token` and `--token-file`. @param purpose what the token is for, as the end of a sentence. */
export function addTokenFlags(command: Command, purpose: string): void {
  command
    .addOption(new Option("--token-file <file>", `file with the secret ${purpose}`).conflicts("token"))
    .option(
      "--token <secret>",
      "the same, but everybody on this machine can read it in ps; better --token-file (env: LEKT_TOKEN)",
    );
}

/** The secret from flags, file or environment; a line break at the end of a file does not count. */
export function tokenOf(flags: TokenFlags, env: NodeJS.ProcessEnv): Uint8Array | undefined {
  const token = givenToken(flags, env);
  if (token?.length === 0) throw new LektError("LEKT_OPTION", "The token is empty.");
  return token;
}

function givenToken(flags: TokenFlags, env: NodeJS.ProcessEnv): Uint8Array | undefined {
  if (flags.token !== undefined) return Buffer.from(flags.token);
  if (flags.tokenFile !== undefined) return withoutLineBreak(fileOfFlag("--token-file", flags.tokenFile));
  const { LEKT_TOKEN: fromEnvironment } = env;
  return fromEnvironment === undefined ? undefined : Buffer.from(fromEnvironment);
}

function withoutLineBreak(bytes: Uint8Array): Uint8Array {
  let end = bytes.length;
  while (end > 0 && (bytes[end - 1] === 10 || bytes[end - 1] === 13)) end--;
  return bytes.subarray(0, end);
}

/** Lets in who presents the secret, in a time that tells nothing about it. */
export function authorizeByToken(secret: Uint8Array): (request: AuthorizeRequest) => AuthorizeVerdict {
  const expected = digest(secret);
  return ({ token }) => {
    if (!token) {
      return {
        refuse: "this server asks for a token, over TLS or from its own machine; give it with --token-file",
      };
    }
    if (timingSafeEqual(digest(token), expected)) return true;
    return { refuse: "this is not the token of this server; ask its operator for the right one" };
  };
}

/** Of equal length, as timingSafeEqual wants it. */
function digest(bytes: Uint8Array): Uint8Array {
  return createHash("sha256").update(bytes).digest();
}
