import { type Command, Option } from "commander";
import type { Logger } from "pino";
import { colorsFor } from "./output.ts";
import type { LogFormat, LogLevel } from "./server-log.ts";

const LOG_LEVELS: readonly LogLevel[] = ["fatal", "error", "warn", "info", "debug", "trace", "silent"];
const LOG_FORMATS: readonly LogFormat[] = ["pretty", "json"];

export interface LogFlags {
  readonly logLevel: LogLevel;
  readonly logFormat?: LogFormat;
}

export function addLogFlags(command: Command): void {
  command
    .addOption(
      new Option("--log-level <level>", "how much is logged")
        .env("LEKT_LOG_LEVEL")
        .choices(LOG_LEVELS)
        .default("info"),
    )
    .addOption(
      new Option("--log-format <format>", "how (default: pretty on a terminal, json otherwise)")
        .env("LEKT_LOG_FORMAT")
        .choices(LOG_FORMATS),
    );
}

export async function loggerOf(flags: LogFlags): Promise<Logger> {
  const format = flags.logFormat ?? (process.stderr.isTTY ? "pretty" : "json");
  const colors = colorsFor(process.stderr, process.env).isColorSupported;
  // Loaded here and not above: the other verbs, and --help, start in half the time.
  const { createLogger } = await import("./server-log.ts");
  return createLogger(flags.logLevel, format, colors);
}
