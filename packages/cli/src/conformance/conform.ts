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
  const checks = flags.client === undefined ? SERVER_CHECKS : CLIENT_CHECKS;
  const isNamed = (check: CheckInfo) => isWanted(check, flags);
  const wanted = checks.filter(isNamed);
  if (wanted.length === 0) {
    throw new LektError(
      "LEKT_OPTION",
      "There is no check of that name or clause. See lekt conformance --list.",
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
    if (flags.client !== undefined) {
      const readsEvents = flags.events === "lekt-json";
      const options = { ...common, isWanted: isNamed, slow: flags.slow === true, readsEvents };
      return await checkClient(commandProgram(flags.client), options);
    }
    return await checkServer(url ?? "", {
      ...common,
      // Who names a check wants it, also where it is slow.
      isWanted: (check) => isNamed(check) && (!check.slow || flags.slow === true || flags.only !== undefined),
      ...(flags.heartbeatSeconds !== undefined && { heartbeatMs: flags.heartbeatSeconds }),
      ...(flags.setupSeconds !== undefined && { setupMs: flags.setupSeconds }),
      ...(flags.connectionsPerSecond !== undefined && { connectionsPerSecond: flags.connectionsPerSecond }),
    });
  } finally {
    progress.end();
    stop();
  }
}

function isWanted(check: CheckInfo, { only, clause }: ConformanceFlags): boolean {
  if (only && !only.includes(check.id)) return false;
  if (!clause) return true;
  return check.clauses.some((each) =>
    clause.some((wanted) => each === wanted || each.startsWith(`${wanted}.`)),
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
