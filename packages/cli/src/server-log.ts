import { type DestinationStream, destination, type LevelWithSilent, type Logger, pino } from "pino";
import pretty from "pino-pretty";

export type LogLevel = LevelWithSilent;
export type LogFormat = "pretty" | "json";

const STDERR = 2;

/** The server's log, on stderr. */
export function createLogger(level: LogLevel, format: LogFormat, colorize: boolean): Logger {
  return pino({ level, base: null }, format === "json" ? jsonLines() : prettyLines(colorize));
}

function jsonLines(): DestinationStream {
  const stream = destination({ dest: STDERR, sync: true });
  // A server does not end because nobody reads its log any more.
  stream.on("error", () => {});
  return stream;
}

function prettyLines(colorize: boolean): DestinationStream {
  return pretty({
    destination: jsonLines(),
    colorize,
    singleLine: true,
    translateTime: "SYS:HH:MM:ss",
    ignore: "pid,hostname",
  });
}
