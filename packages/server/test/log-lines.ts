import { type Logger, pino } from "pino";

export interface LogLine {
  readonly level: number;
  readonly msg: string;
  readonly [key: string]: unknown;
}

/** A logger that writes into memory, all levels. */
export function memoryLog(): { logger: Logger; lines: LogLine[]; text: () => string } {
  const lines: LogLine[] = [];
  const raw: string[] = [];
  const write = (line: string) => {
    raw.push(line);
    lines.push(JSON.parse(line) as LogLine);
  };
  const logger = pino({ level: "trace", base: null, timestamp: false }, { write });
  return { logger, lines, text: () => raw.join("") };
}
