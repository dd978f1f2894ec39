import { METHOD, SILENT_INTERVALS } from "@lekt/protocol";
import type { ConnectionEnd } from "../packages/client/src/reconnect-policy.ts";
import type { ServerProcess } from "./server-process.ts";
import { Violation } from "./violation.ts";
import type { Visit } from "./visit.ts";

/** The wheel stands between two of its steps, and turns between two others. */
export const WHEEL_SLACK_MS = 110;
/** What a waiting reader has to take in ten seconds (spec 5.15.3). */
const SLOW_READER_BYTES = 40_960;
const SLOW_READER_WINDOW_MS = 10_000;
/** The log is kept in blocks: so much less than its limit may be there. */
const LARGEST_BLOCK_BYTES = 32_768;

/** Whether the server had a reason, in what really happened, to refuse a connection or to drop it. */
export function judgeReject(visit: Visit, message: string, server: ServerProcess, nowMs: number): void {
  const colon = message.indexOf(": ");
  const unjust = (why: string) => {
    throw new Violation(`refused without a reason (${message}): ${why}`);
  };
  switch (message.slice(0, colon)) {
    case "shutdown":
      if (!server.isStopping) unjust("the server does not stop");
      return;
    case "limit":
      judgeLimit(visit, message, server, unjust);
      return;
    case "rate":
      judgeRate(visit, message, server, nowMs, unjust);
      return;
    case "timeout":
      judgeTimeout(visit, message, server, nowMs, unjust);
      return;
    case "auth":
      if (!server.options.authorize && server.options.defaultNetwork) unjust("everybody may come in");
      if (visit.admittedMs !== undefined) unjust("it was let in before");
      return;
    case "internal":
      if (!server.options.authorize) unjust("there is no hook that could have failed");
      return;
    case "malformed":
    case "version":
      if (!visit.person.isRogue) unjust("it keeps the rules");
      return;
    default:
      unjust("no such reason is known");
  }
}

type Unjust = (why: string) => void;

function judgeLimit(visit: Visit, message: string, server: ServerProcess, unjust: Unjust): void {
  const { maxClients, maxClientsPerNetwork, maxClientsPerAddress } = server.options;
  const network = server.history.network(visit.person.network);
  if (message.includes("server is full")) {
    const others = [...server.connections].filter((other) => other.visit !== visit && !other.visit.rejected);
    if (others.length < maxClients) unjust(`${others.length} connections`);
  } else if (message.includes("network is full")) {
    if (network.size < maxClientsPerNetwork) unjust(`${network.size} are in it`);
  } else if (message.includes("from this address")) {
    if (network.inGroup(visit.group) < maxClientsPerAddress)
      unjust(`${network.inGroup(visit.group)} are in it`);
  } else if (!visit.person.isRogue) unjust("it says no more than it may");
}

function judgeRate(
  visit: Visit,
  message: string,
  server: ServerProcess,
  nowMs: number,
  unjust: Unjust,
): void {
  if (!message.includes("new connections")) {
    // What a stalled line keeps back comes all at once.
    if (!visit.person.isRogue && !visit.isDisturbed) unjust("it sends as often as it may");
    return;
  }
  const recent = server.comers.filter(({ group, atMs }) => group === visit.group && atMs > nowMs - 1_000);
  if (recent.length <= server.options.maxConnectionsPerSecond) unjust(`${recent.length} came in a second`);
}

function judgeTimeout(
  visit: Visit,
  message: string,
  server: ServerProcess,
  nowMs: number,
  unjust: Unjust,
): void {
  const { setupTimeoutMs, heartbeatIntervalMs, historyMs, historyBytes } = server.options;
  const slackMs = nowMs - server.resumedMs < 2 * WHEEL_SLACK_MS ? Number.POSITIVE_INFINITY : WHEEL_SLACK_MS;
  const onTime = (dueMs: number) => {
    if (nowMs < dueMs) unjust(`${dueMs - nowMs} ms too early`);
    if (nowMs > dueMs + slackMs) unjust(`${nowMs - dueMs} ms too late`);
    if (!visit.person.isRogue && !visit.isDisturbed) unjust("nothing stood in its way");
  };
  if (message.includes("setup took too long")) onTime((visit.acceptedMs ?? nowMs) + setupTimeoutMs);
  else if (message.includes("no heartbeat")) {
    onTime(visit.quietSinceMs + SILENT_INTERVALS * heartbeatIntervalMs);
    if (visit.heartbeats.length > 0) unjust("a heartbeat waits for its reply");
    if (visit.hasUnreadHeartbeat) unjust("its heartbeat was there, and nobody read it");
  } else if (message.includes("fell too far behind")) {
    const network = server.history.network(visit.person.network);
    const bytes = network.bytesBetween(visit.toldUpTo, network.version);
    // What newcomers are sent may be half as old as the past, and by the wall clock.
    const isOld = nowMs - visit.toldMs >= (visit.repliesWritten === 0 ? historyMs / 4 : historyMs);
    // Readers with sessions and without share it (spec/limits.md).
    const isMuch = 4 * bytes >= Math.max(historyBytes / 2, LARGEST_BLOCK_BYTES) - LARGEST_BLOCK_BYTES;
    // Where a client behind a shared address leaves, all the others there are listed again (spec 5.8): 64 of 2 KiB.
    const isListedAgain = !visit.person.offers.has(METHOD.session) && historyBytes < 2 * 1_024 * 1_024;
    if (!isOld && !isMuch && !isListedAgain) unjust(`${bytes} bytes behind`);
  } else unjust("no such time is known");
}

/** The heart cut a connection off: one that it had refused long ago, or a reader that was too slow. */
export function judgeCut(visit: Visit, nowMs: number): void {
  if (visit.rejected) {
    const lateMs = nowMs - visit.rejected.atMs;
    if (lateMs < LINGER_MS) throw new Violation(`cut off ${lateMs} ms after its Reject`);
    return;
  }
  // Turned away without a word, as very many are being refused.
  if (visit.admittedMs === undefined && visit.acceptedMs === nowMs) return;
  const { blockedSinceMs } = visit;
  if (blockedSinceMs === undefined) throw new Violation("cut off though it read everything");
  const before = visit.taken.find(({ atMs }) => atMs >= nowMs - SLOW_READER_WINDOW_MS);
  const takenBytes = (visit.serverSocket?.outgoing.takenBytes ?? 0) - (before?.bytes ?? 0);
  if (before && takenBytes >= SLOW_READER_BYTES)
    throw new Violation(`cut off though it took ${takenBytes} bytes in ten seconds`);
  if (visit.admittedMs === undefined || nowMs - (visit.acceptedMs ?? nowMs) < SLOW_READER_WINDOW_MS)
    throw new Violation("cut off as too slow before ten seconds were over");
  if (!visit.person.isRogue && !visit.isDisturbed) throw new Violation("cut off as too slow for no reason");
}

const LINGER_MS = 1_000;

/** A client's connection ended, and not by its own program: whether what really happened explains it. */
export function judgeEnd(visit: Visit, end: ConnectionEnd): void {
  const { error, word, text } = end;
  if (word !== undefined) {
    if (visit.rejected?.message !== `${word}: ${text}`)
      throw new Violation(`took a Reject that was not written: ${error.message}`);
    return;
  }
  switch (error.code) {
    case "LEKT_CONNECTION_LOST":
    case "LEKT_TIMEOUT":
      if (visit.isDisturbed || visit.cutByHeartMs !== undefined) return;
      if (error.code === "LEKT_CONNECTION_LOST" && visit.rejected)
        throw new Violation("a Reject was lost on its way");
      throw new Violation(`for no reason: ${error.message}`);
    default:
      throw new Violation(`${error.code} ${error.message}`);
  }
}
