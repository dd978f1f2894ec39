import { connect } from "node:net";
import { decodeServerInfo, LektError, METHOD, parseLektUrl } from "@lekt/protocol";
import { type CheckResult, Failed, resultOf } from "./check.ts";
import { mustGoOn, playAll } from "./check-run.ts";
import { Pacer } from "./pacer.ts";
import { bytesOf, portPayload, u32 } from "./raw-packets.ts";
import { wordsOf } from "./roster-model.ts";
import { type BenchSettings, ServerBench, type ServerCheck, type ServerFacts } from "./server-bench.ts";
import { SERVER_CHECKS } from "./server-checks/registry.ts";

/** So many checks at once: together they stay below what a server takes of one address. */
const AT_ONCE = 12;
/** All methods that a server may ask for are among these. */
const KNOWN = 64;
const CONNECT_TIMEOUT_MS = 10_000;

export interface ServerRunOptions {
  /** Default: all but the slow ones. */
  readonly isWanted?: (check: ServerCheck) => boolean;
  /** How long an answer is waited for. Default 3,000. */
  readonly patienceMs?: number;
  /** Default 25: a server takes 32 of one address (spec/limits.md). */
  readonly connectionsPerSecond?: number;
  /** Default: what the server says of itself, or 10,000. */
  readonly heartbeatMs?: number;
  /** Default 10,000. */
  readonly setupMs?: number;
  readonly signal?: AbortSignal;
  /** Called with each result when it is there. */
  readonly onResult?: (result: CheckResult) => void;
}

/**
 * Plays every check against the server at this URL; its network is not used, each check has one of its own.
 * @throws LektError `LEKT_URL`; `LEKT_CONNECT` where nobody listens there; `LEKT_ABORTED`.
 */
export async function checkServer(url: string, options: ServerRunOptions = {}): Promise<CheckResult[]> {
  const { scheme, host, port } = parseLektUrl(url);
  if (scheme !== "lekt")
    throw new LektError("LEKT_URL", `This version opens lekt:// alone, not ${scheme}://.`);
  const {
    patienceMs = 3_000,
    connectionsPerSecond = 25,
    isWanted = ({ slow }) => !slow,
    onResult,
    signal,
  } = options;
  await mustListen(host, port);
  const open = new Set<ServerBench>();
  signal?.addEventListener("abort", () => {
    for (const bench of open) bench.close();
  });
  mustGoOn(signal);
  const settings = { host, port, patienceMs, pacer: new Pacer(connectionsPerSecond) };
  const facts = await factsOf(settings, options, open);
  const wanted = SERVER_CHECKS.filter(isWanted);
  // Without networks everybody meets in the default one, where two checks would see each other.
  const atOnce = facts.asked.has(METHOD.network) ? AT_ONCE : 1;
  const isSlow = ({ slow = false }: ServerCheck) => slow;
  const play = (check: ServerCheck) => runOne(check, settings, facts, open);
  return await playAll(wanted, { atOnce, isSlow, play, signal, onResult });
}

async function runOne(
  check: ServerCheck,
  settings: BenchSettings,
  facts: ServerFacts,
  open: Set<ServerBench>,
): Promise<CheckResult> {
  const bench = new ServerBench(settings, facts);
  open.add(bench);
  try {
    return await resultOf(
      check,
      async () => {
        bench.needs(...(check.needs ?? []));
        await check.run(bench);
      },
      () => bench.evidence,
    );
  } finally {
    open.delete(bench);
    bench.close();
  }
}

async function mustListen(host: string, port: number): Promise<void> {
  const socket = connect({ host, port });
  const timer = setTimeout(() => socket.destroy(new Error("no answer")), CONNECT_TIMEOUT_MS);
  try {
    await new Promise((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("error", reject);
    });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new LektError("LEKT_CONNECT", `No server answers at ${host}, port ${port} (${code ?? message}).`);
  } finally {
    clearTimeout(timer);
    socket.destroy();
  }
}

/** What the server asks for and says of itself; for one that does not even that, what the specification expects. */
async function factsOf(
  settings: BenchSettings,
  options: ServerRunOptions,
  open: Set<ServerBench>,
): Promise<ServerFacts> {
  const { heartbeatMs, setupMs = 10_000 } = options;
  const everything = new Set(Array.from({ length: KNOWN }, (_, i) => i + 1));
  const bench = new ServerBench(settings, { asked: everything, heartbeatMs: 10_000, setupMs });
  open.add(bench);
  try {
    const asked = await askedMethods(bench, everything);
    const told = heartbeatMs ?? (asked.has(METHOD.server) ? await toldHeartbeatMs(bench) : undefined);
    return { asked, heartbeatMs: told ?? 10_000, setupMs };
  } catch (error) {
    if (!(error instanceof Failed)) throw error;
    return { asked: everything, heartbeatMs: heartbeatMs ?? 10_000, setupMs };
  } finally {
    open.delete(bench);
    bench.close();
  }
}

/** All is answered: a server may ask for one method after the other (spec 4.2.2). */
async function askedMethods(bench: ServerBench, everything: ReadonlySet<number>): Promise<Set<number>> {
  const nothing = new Uint8Array(0);
  const guest = await bench.join([
    ...[...everything].map((method) => [method, nothing] as const),
    [METHOD.tcp, portPayload(4_001)],
    [METHOD.udp, bytesOf(Uint8Array.of(1), portPayload(4_001))],
    [METHOD.network, bench.network],
    [METHOD.identity, new Uint8Array(32)],
    [METHOD.name, bytesOf("a")],
    [METHOD.hold, u32(0)],
  ]);
  return new Set(guest.asked);
}

async function toldHeartbeatMs(bench: ServerBench): Promise<number | undefined> {
  const guest = await bench.member(4_001, [[METHOD.server, new Uint8Array(0)]]);
  const [payload] = wordsOf(await guest.beat(), METHOD.server);
  const seconds = payload && decodeServerInfo(payload)?.heartbeatSeconds;
  return seconds === undefined ? undefined : seconds * 1_000;
}
