/** What the scripts of this repository have in common: help, closed pipes, one sentence for an error, exit codes. */

/** The command line is at fault. */
export class BadOption extends Error {
  override readonly name = "BadOption";
}

export interface Script {
  /** How it is called: `npm run fuzz`. */
  readonly command: string;
  readonly usage: string;
  /** @returns whether all is well. */
  readonly main: (args: readonly string[]) => Promise<boolean>;
}

/** Runs it with the arguments of this process. Exit codes: 0 all is well, 1 it is not, 2 wrong usage. */
export async function runScript({ command, usage, main }: Script): Promise<void> {
  endQuietlyOnBrokenPipe();
  // A job whose parent was ended has nobody to work for.
  const orphaned = () => process.exit(1);
  process.once("disconnect", orphaned);
  const args = process.argv.slice(2);
  try {
    if (args.includes("--help")) process.stdout.write(`${usage}\n`);
    else process.exitCode = (await main(args)) ? 0 : 1;
  } catch (error) {
    if (isUsage(error)) {
      process.stderr.write(`${error.message}\n${command} -- --help tells how it is used.\n`);
      process.exitCode = 2;
    } else {
      process.stderr.write(`${faultText(error)}\n`);
      process.exitCode = 1;
    }
  } finally {
    process.off("disconnect", orphaned);
    if (process.connected) process.disconnect();
  }
}

/** @throws BadOption where it is no whole number from `least` up. */
export function wholeNumber(flag: string, text: string, least: number): number {
  const value = /^[0-9]{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= least) return value;
  throw new BadOption(`${flag} ${text} is no whole number from ${least} up`);
}

/** @throws BadOption where it is no number above 0. */
export function numberAboveZero(flag: string, text: string): number {
  const value = Number(text);
  if (value > 0 && Number.isFinite(value)) return value;
  throw new BadOption(`${flag} ${text} is no number above 0`);
}

/** Of the code under test, or of the script, where it comes from is what helps; of a file that cannot be written, not. */
function faultText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return "syscall" in error ? error.message : (error.stack ?? error.message);
}

function isUsage(error: unknown): error is Error {
  if (error instanceof BadOption) return true;
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  return code.startsWith("ERR_PARSE_ARGS_");
}

/** `… | head -1`: the reader has seen enough, and that is no error. */
function endQuietlyOnBrokenPipe(): void {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    process.exit(0);
  });
}
