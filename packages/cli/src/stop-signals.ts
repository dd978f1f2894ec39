import { EXIT, type ExitCode } from "./exit-codes.ts";

let hasStopSignal = false;

/** Whether a signal has asked for the end. */
export function wasStopped(): boolean {
  return hasStopSignal;
}

/**
 * SIGINT and SIGTERM: the first asks to end in order, the second ends at once.
 * @param hardCode the exit code of the latter
 * @returns how to stop listening.
 */
export function onStopSignal(
  stop: (signal: NodeJS.Signals) => void,
  hardCode: ExitCode = EXIT.fine,
): () => void {
  let stopping = false;
  const listener = (signal: NodeJS.Signals) => {
    hasStopSignal = true;
    if (stopping) process.exit(hardCode);
    stopping = true;
    stop(signal);
  };
  process.on("SIGINT", listener);
  process.on("SIGTERM", listener);
  return () => {
    process.off("SIGINT", listener);
    process.off("SIGTERM", listener);
  };
}
