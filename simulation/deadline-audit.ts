import { MAX_HOLD_MS, METHOD, SILENT_INTERVALS } from "@lekt/protocol";
import { WHEEL_SLACK_MS } from "./drop-judge.ts";
import type { Connection, ServerProcess } from "./server-process.ts";
import type { SimulatedRoom } from "./simulated-room.ts";
import { Violation } from "./violation.ts";
import type { Visit } from "./visit.ts";

/** How long changes behind a shared address are gathered, and how often a client with `hold` gets news. */
const GATHER_MS = 1_000;
const NEWS_SPACING_MS = 50;
const LINGER_MS = 1_000;
/** What is taken at the beginning of a window may count for that one and two more; at the end of the next it is dropped. */
const NOTHING_TAKEN_MS = 40_000;
/** A client's timers are exact to the millisecond; what it hears is as late as the audit's own step. */
const CLIENT_SLACK_MS = 20;

/** Every deadline of the server's side is kept, and every limit. To be called from time to time. */
export function auditServer(server: ServerProcess, nowMs: number): void {
  if (server.isPaused || server.isGone || nowMs - server.resumedMs < 2 * WHEEL_SLACK_MS) return;
  auditLimits(server);
  for (const connection of server.connections) {
    try {
      auditConnection(connection, server, nowMs);
    } catch (error) {
      if (error instanceof Violation) error.message = `${connection.visit.person.name}: ${error.message}`;
      throw error;
    }
  }
}

function auditLimits({ heart, history, connections, options }: ServerProcess): void {
  const visitors = [...connections].filter(({ visitor }) => visitor);
  if (heart.connections !== visitors.length)
    throw new Violation(`${heart.connections} connections in the heart, ${visitors.length} at the rim`);
  if (heart.clients !== history.clients)
    throw new Violation(`${heart.clients} clients, ${history.clients} are there`);
  if (heart.networks !== history.inhabited)
    throw new Violation(`${heart.networks} networks, ${history.inhabited} have somebody in them`);
  const unrefused = visitors.filter(({ visit }) => !visit.rejected).length;
  if (unrefused > options.maxClients) throw new Violation(`${unrefused} connections`);
  for (const { visitor } of visitors) {
    const kept = visitor?.edition?.log.keptBytes ?? 0;
    if (kept > options.historyBytes) throw new Violation(`a log of ${kept} bytes`);
  }
}

function auditConnection(connection: Connection, server: ServerProcess, nowMs: number): void {
  const { visit, socket } = connection;
  const { setupTimeoutMs, heartbeatIntervalMs } = server.options;
  const due = (dueMs: number, what: string) => {
    if (nowMs > dueMs + WHEEL_SLACK_MS)
      throw new Violation(`${what}: ${Math.round(nowMs - dueMs)} ms too late`);
  };
  if (visit.rejected) {
    due(visit.rejected.atMs + LINGER_MS, "a refused connection is not closed");
    return;
  }
  if (visit.leftMs !== undefined) return;
  if (visit.admittedMs === undefined) {
    due((visit.acceptedMs ?? 0) + setupTimeoutMs, "the setup goes on");
    return;
  }
  if (socket.waitingBytes > 0) auditReader(visit, server, nowMs);
  else if (visit.heartbeats.length === 0)
    due(visit.quietSinceMs + SILENT_INTERVALS * heartbeatIntervalMs, "a silent client is still there");
  else auditReply(connection, server, nowMs);
}

/** Something waits for the reader: it takes it, or is dropped. */
function auditReader(visit: Visit, { resumedMs }: ServerProcess, nowMs: number): void {
  const bytes = visit.serverSocket?.outgoing.takenBytes ?? 0;
  visit.taken.push({ atMs: nowMs, bytes });
  while ((visit.taken[0]?.atMs ?? nowMs) < nowMs - 2 * NOTHING_TAKEN_MS) visit.taken.shift();
  const first = visit.taken.find((sample) => sample.bytes === bytes);
  const sinceMs = Math.max(first?.atMs ?? nowMs, visit.blockedSinceMs ?? nowMs, resumedMs);
  // Each of the four windows begins when the one before was judged, which nobody does while the process stands still.
  if (nowMs - sinceMs > NOTHING_TAKEN_MS + 4 * WHEEL_SLACK_MS)
    throw new Violation("a reader that reads nothing is still there");
}

/** A heartbeat waits for its reply: it is held, or gathers what changes, and no longer than that. */
function auditReply(connection: Connection, server: ServerProcess, nowMs: number): void {
  const { visit, history } = connection;
  const heartbeat = visit.heartbeats[0];
  if (!heartbeat) return;
  const hold = visit.person.offers.get(METHOD.hold);
  const holdMs = hold ? Math.min(MAX_HOLD_MS, new DataView(hold.buffer, hold.byteOffset).getUint32(0)) : 0;
  const isHeld = holdMs > 0 && visit.repliesWritten > 0;
  const slackMs = server.options.tickMs + WHEEL_SLACK_MS;
  // Who sends many is answered one after the other.
  const turnMs = Math.max(heartbeat.atMs + (isHeld ? holdMs : 0), visit.quietSinceMs);
  // With news it may be gathered for one tick and wait for another one, which is late where the one before was.
  const hasNews = visit.toldUpTo < history.version;
  const mostMs = isHeld ? (hasNews ? 2 : 1) * slackMs : 2 * slackMs + GATHER_MS;
  if (nowMs > turnMs + mostMs)
    throw new Violation(`a reply is held for ${Math.round(nowMs - heartbeat.atMs)} ms`);
  if (visit.toldUpTo >= history.version) return;
  const changedMs = history.differsSinceMs(visit.toldUpTo);
  if (changedMs === undefined) return;
  const sinceMs = Math.max(changedMs, heartbeat.atMs, visit.quietSinceMs);
  if (nowMs > sinceMs + GATHER_MS + NEWS_SPACING_MS + 2 * slackMs)
    throw new Violation(`news are kept back for ${Math.round(nowMs - sinceMs)} ms`);
}

/** Every deadline of a client's side is kept. */
export function auditRoom(room: SimulatedRoom, serverIntervalMs: number, nowMs: number): void {
  if (room.state !== "connected" || !room.isAwake || nowMs - room.wokeMs < CLIENT_SLACK_MS) return;
  const hold = room.person.offers.get(METHOD.hold);
  const holdMs = hold ? Math.min(MAX_HOLD_MS, new DataView(hold.buffer, hold.byteOffset).getUint32(0)) : 0;
  const { heartbeatIntervalMs, setupTimeoutMs } = room.settings;
  const intervalMs = Math.max(heartbeatIntervalMs, serverIntervalMs);
  const { readyMs, heartbeatMs, lastByteMs } = room;
  const name = room.person.name;
  if (readyMs === undefined) {
    const dialledMs = room.connectedMs;
    if (nowMs > dialledMs + setupTimeoutMs + CLIENT_SLACK_MS)
      throw new Violation(`${name}: its setup goes on`);
  } else if (heartbeatMs !== undefined) {
    const quietMs = nowMs - Math.max(heartbeatMs, lastByteMs);
    if (quietMs > SILENT_INTERVALS * intervalMs + holdMs + CLIENT_SLACK_MS)
      throw new Violation(`${name}: waits for a server that is silent for ${Math.round(quietMs)} ms`);
  } else if (nowMs - lastByteMs > intervalMs + CLIENT_SLACK_MS)
    throw new Violation(`${name}: asks for nothing for ${Math.round(nowMs - lastByteMs)} ms`);
}
