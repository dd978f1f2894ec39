import { LektError, type LektErrorCode, safeText } from "@lekt/protocol";
import { CommanderError } from "commander";
import { EXIT, type ExitCode, OUTCOMES } from "./exit-codes.ts";
import { jsonLine } from "./json-line.ts";

/** `peers --wait` gave up. */
export class WaitedInVain extends LektError {
  constructor(message: string) {
    super("LEKT_TIMEOUT", message);
  }
}

/** `conformance`: something that must hold does not. */
export class ChecksFailed extends LektError {
  constructor(message: string) {
    super("LEKT_PROTOCOL", message);
  }
}

/** `doctor`: it has told already what would help. */
export class NoPath extends LektError {
  constructor(message: string) {
    super("LEKT_UNREACHABLE", message);
  }
}

/** Everything that `lekt` has to say of an error. */
export interface Failure {
  readonly code: LektErrorCode | "INTERNAL";
  readonly message: string;
  readonly hint?: string;
  readonly exitCode: ExitCode;
  /** More for programs: `offset` of a decode error, for example. */
  readonly details?: Readonly<Record<string, unknown>>;
}

/** An error with something more to say to programs. */
export interface DetailedError {
  readonly details: Readonly<Record<string, unknown>>;
}

/** @param verb the command that failed, for the hint of a wrong usage. */
export function failureOf(error: unknown, verb?: string): Failure {
  if (error instanceof WaitedInVain) {
    return { code: error.code, message: error.message, exitCode: EXIT.waitedInVain };
  }
  if (error instanceof ChecksFailed || error instanceof NoPath) {
    return { code: error.code, message: error.message, exitCode: EXIT.failed };
  }
  if (error instanceof LektError) {
    const details = "details" in error ? (error as LektError & DetailedError).details : undefined;
    return {
      code: error.code,
      message: error.message,
      ...OUTCOMES[error.code],
      ...(details && { details }),
    };
  }
  if (error instanceof CommanderError) {
    const help = verb === undefined ? "lekt help" : `lekt ${verb} --help`;
    return {
      code: "LEKT_OPTION",
      message: usageMessage(error.message),
      hint: `See ${help}.`,
      exitCode: EXIT.usage,
    };
  }
  const message = error instanceof Error ? error.message : String(error);
  return {
    code: "INTERNAL",
    message: `Something failed that should not: ${message}.`,
    hint: "Please report it.",
    exitCode: EXIT.failed,
  };
}

/** One line for stderr. */
export function failureLine(failure: Failure, json: boolean): string {
  const { code, message, hint, details } = failure;
  if (json) return jsonLine({ error: { code, message, hint, ...details } });
  const sentence = /[.?!]$/.test(message) ? message : `${message}.`;
  const text = hint === undefined ? sentence : `${sentence} ${hint}`;
  return `lekt: ${safeText(text.replace(/\s+/g, " "))}\n`;
}

/** "error: unknown command 'serv'\n(Did you mean serve?)" as one or two sentences. */
function usageMessage(text: string): string {
  const message = text
    .replace(/^error: /, "")
    .replace(/\.?\s*\(Did you mean (.*)\?\)$/s, ". Did you mean $1?")
    .trim();
  return /[.?!]$/.test(message) ? message : `${message}.`;
}
