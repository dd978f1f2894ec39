import { readFileSync } from "node:fs";
import { fromHex, IDENTITY_BYTES, LektError } from "@lekt/protocol";
import { InvalidArgumentError } from "commander";

/** Parses the values of flags; `InvalidArgumentError` makes commander name the flag and the value. */

export function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = /^[0-9]{1,16}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= least && value <= most) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${least} to ${most}.`);
  };
}

export const port = wholeNumber(0, 65_535);

/** What timers of Node.js take: almost 25 days. */
const MAX_SECONDS = 2_147_483;

/** Seconds, with a fraction where wanted; gives milliseconds. */
export function seconds(text: string): number {
  const value = /^[0-9]{1,7}(\.[0-9]{1,3})?$/.test(text) ? Number(text) : Number.NaN;
  if (value > 0 && value <= MAX_SECONDS) return Math.round(value * 1_000);
  throw new InvalidArgumentError(`It must be a number of seconds up to ${MAX_SECONDS}, such as 5 or 0.5.`);
}

/** Gathered over several flags. */
export function texts(text: string, previous: readonly string[] = []): string[] {
  return [...previous, text];
}

export function identity(text: string): Uint8Array {
  const bytes = fromHex(text);
  if (bytes?.length === IDENTITY_BYTES) return bytes;
  throw new InvalidArgumentError(`It must be ${2 * IDENTITY_BYTES} hex digits.`);
}

/** `N=HEX`, gathered over several flags. */
export function method(text: string, previous?: ReadonlyMap<number, Uint8Array>): Map<number, Uint8Array> {
  const match = /^([0-9]{1,4})=(.*)$/s.exec(text);
  const payload = match && fromHex(match[2] as string);
  if (!match || !payload) {
    throw new InvalidArgumentError("It must be N=HEX: a method's number and its payload in hex digits.");
  }
  return new Map(previous).set(Number(match[1]), payload);
}

/** An environment variable that is a switch: 1 or 0 (true, false, yes, no). */
export function environmentSwitch(name: string, env: NodeJS.ProcessEnv): boolean | undefined {
  const text = env[name];
  if (text === undefined || text === "") return undefined;
  if (/^(1|true|yes|on)$/i.test(text)) return true;
  if (/^(0|false|no|off)$/i.test(text)) return false;
  throw new LektError("LEKT_OPTION", `The environment variable ${name} must be 1 or 0, not '${text}'.`);
}

/** The bytes of a file that a flag names. */
export function fileOfFlag(flag: string, path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const why = code === "ENOENT" ? "there is no such file" : `it cannot be read (${code})`;
    throw new LektError("LEKT_OPTION", `The file '${path}' of ${flag}: ${why}.`);
  }
}
