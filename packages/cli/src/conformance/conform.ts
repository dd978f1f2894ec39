import {
  type CheckInfo,
  type CheckResult,
  CLIENT_CHECKS,
  type ConformanceReport,
  checkClient,
  checkServer,
  commandProgram,
  reportOf,
  SERVER_CHECKS,
  UNCHECKED_CLAUSES,
} from "@lekt/conformance";
import { LektError } from "@lekt/protocol";
import { ChecksFailed } from "../failure.ts";
import { jsonLine } from "../json-line.ts";
import { colorsFor, write } from "../output.ts";
import { onStopSignal } from "../stop-signals.ts";
import { Progress } from "./progress.ts";
import { checkListText, reportText } from "./report-text.ts";

export interface ConformanceFlags {
  readonly client?: string;
  readonly only?: readonly string[];
  readonly clause?: readonly string[];
  readonly slow?: true;
  readonly list?: true;
  readonly events?: "lekt-json";
  readonly timeout?: number;
  readonly heartbeatSeconds?: number;
  readonly setupSeconds?: number;
  readonly connectionsPerSecond?: number;
  readonly json?: true;
}

export async function conform(url: string | undefined, flags: ConformanceFlags): Promise<void> {
  const colors = colorsFor(process.stdout, process.env);
  if (flags.list) {
    const lists = { server: SERVER_CHECKS, client: CLIENT_CHECKS };
    await write(flags.json ? jsonLine(listJson(lists)) : checkListText(lists, colors));
    return;
  }
  if ((url === undefined) === (flags.client === undefined)) {
    throw new LektError(
      "LEKT_OPTION",
      "Give either the URL of a server or --client with the command of a client.",
    );
  }
  const report = reportOf(await play(url, flags));
  await write(flags.json ? jsonLine(report) : reportText(report, colors));
  if (!report.conforms) throw new ChecksFailed(failureText(report));
}

async function play(url: string | undefined, flags: ConformanceFlags): Promise<CheckResult[]> {
  const { only, clause, client } = flags;
  const checks = client === undefined ? SERVER_CHECKS : CLIENT_CHECKS;
  mustBeThere(checks, client === undefined ? "server" : "client", flags);
  // Who names a check or a clause wants it, also where it is slow.
  const slow = flags.slow === true || only !== undefined || clause !== undefined;
  const isWanted = (check: CheckInfo) => isNamed(check, flags) && (slow || !check.slow);
  const wanted = checks.filter(isWanted);
  if (wanted.length === 0) {
    throw new LektError(
      "LEKT_OPTION",
      "No check has both such a name and such a clause. See lekt conformance --list.",
    );
  }
  const broken = new AbortController();
  const stop = onStopSignal(() => broken.abort());
  const progress = new Progress(flags.json !== true && process.stderr.isTTY === true, wanted.length);
  const common = {
    signal: broken.signal,
    onResult: (result: CheckResult) => progress.show(result),
    ...(flags.timeout !== undefined && { patienceMs: flags.timeout }),
  };
  try {
    if (client !== undefined) {
      const readsEvents = flags.events === "lekt-json";
      return await checkClient(commandProgram(client), { ...common, isWanted, slow, readsEvents });
    }
    return await checkServer(url ?? "", {
      ...common,
      isWanted,
      ...(flags.heartbeatSeconds !== undefined && { heartbeatMs: flags.heartbeatSeconds }),
      ...(flags.setupSeconds !== undefined && { setupMs: flags.setupSeconds }),
      ...(flags.connectionsPerSecond !== undefined && { connectionsPerSecond: flags.connectionsPerSecond }),
    });
  } finally {
    progress.end();
    stop();
  }
}

function isNamed(check: CheckInfo, { only, clause }: ConformanceFlags): boolean {
  if (only && !only.includes(check.id)) return false;
  return clause?.some((wanted) => cites(check, wanted)) ?? true;
}

function cites({ clauses }: CheckInfo, wanted: string): boolean {
  return clauses.some((each) => each === wanted || each.startsWith(`${wanted}.`));
}

/** @throws LektError where a name or a clause has no check: a slip would pass for a rule that holds. */
function mustBeThere(
  checks: readonly CheckInfo[],
  side: string,
  { only = [], clause = [] }: ConformanceFlags,
): void {
  const id = only.find((each) => !checks.some((check) => check.id === each));
  if (id !== undefined) {
    throw new LektError("LEKT_OPTION", `A ${side} has no check "${id}". See lekt conformance --list.`);
  }
  const unchecked = clause.find((each) => !checks.some((check) => cites(check, each)));
  if (unchecked === undefined) return;
  const reason = UNCHECKED_CLAUSES[unchecked];
  throw new LektError(
    "LEKT_OPTION",
    `A ${side} has no check of clause "${unchecked}"${reason ? ` (${reason})` : ""}. See lekt conformance --list.`,
  );
}

function listJson(lists: Readonly<Record<"server" | "client", readonly CheckInfo[]>>) {
  const plain = ({ id, clauses, rule, level, slow = false }: CheckInfo) => ({
    id,
    clauses,
    rule,
    level,
    slow,
  });
  return { server: lists.server.map(plain), client: lists.client.map(plain) };
}

function failureText({ results }: ConformanceReport): string {
  const failed = results.filter(({ status, level }) => status === "fails" && level === "must");
  const ids = failed.map(({ id }) => id);
  const shown = ids.length > 5 ? `${ids.slice(0, 5).join(", ")} …` : ids.join(", ");
  return `${ids.length} of the rules that must hold ${ids.length === 1 ? "does" : "do"} not: ${shown}.`;
}
