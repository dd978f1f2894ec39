import { METHOD } from "@lekt/protocol";
import { Failed, Skipped } from "../check.ts";
import type { ClientBench, ClientCheck } from "../client-bench.ts";
import { added, clientPacketWords, END } from "../visit.ts";

const INTERVAL_SECONDS = 0.5;
const DEFAULT_SECONDS = 10;
/** A part of the second that a client waits where a server does not hold. */
const EARLY_MS = 700;
const DAY_SECONDS = 86_400;

/** A server that holds no reply: it is asked at intervals. */
const NO_HOLD = (methods: readonly number[]) => methods.filter((method) => method === METHOD.server);

/** What we say, where the client lets itself be told. */
function intervalOf(bench: ClientBench): number {
  return 1_000 * (bench.facts.methods.has(METHOD.server) ? INTERVAL_SECONDS : DEFAULT_SECONDS);
}

export const clientHeartbeatChecks: readonly ClientCheck[] = [
  {
    id: "timestamp",
    clauses: ["5.1", "5.11"],
    rule: "A Heartbeat carries the time of sending in Unix seconds.",
    level: "should",
    run: async (bench) => {
      const visit = await bench.visited();
      const timestamp = Number(await visit.introduced());
      const now = Math.floor(Date.now() / 1_000);
      if (Math.abs(timestamp - now) > DAY_SECONDS)
        throw new Failed(`about ${now}, as our clock says`, String(timestamp));
    },
  },
  {
    id: "one-outstanding",
    clauses: ["5.4.4", "5.14.1"],
    rule: "While a reply is outstanding the client sends no Heartbeat.",
    level: "must",
    run: async (bench) => {
      const visit = await bench.visited();
      await visit.introduced();
      await visit.quiet("no second Heartbeat before the first reply", 1_500);
    },
  },
  {
    id: "interval",
    clauses: ["5.15.1", "methods 23"],
    rule: "Without `hold` the client sends a Heartbeat every 10 s, or as often as `heartbeatSeconds` says.",
    level: "must",
    slowWithoutInterval: true,
    run: async (bench) => {
      const visit = await bench.settled({ heartbeatSeconds: INTERVAL_SECONDS, asks: NO_HOLD });
      const intervalMs = intervalOf(bench);
      const beats = intervalMs < 1_000 ? 3 : 1;
      const startMs = performance.now();
      for (let i = 0; i < beats; i++) {
        await visit.heartbeat(`a Heartbeat after ${intervalMs} ms`, intervalMs * 1.5 + bench.patienceMs);
        visit.send(END);
      }
      const tookMs = performance.now() - startMs;
      // Intervals count from Heartbeat to Heartbeat, a little before our reply; and we may read one late.
      if (tookMs < (beats * intervalMs) / 2)
        throw new Failed(`one Heartbeat in ${intervalMs} ms`, `${beats} within ${Math.round(tookMs)} ms`);
    },
  },
  {
    id: "hold-at-once",
    clauses: ["5.17.5"],
    rule: "A client with `hold` sends the next Heartbeat as soon as a reply ended.",
    level: "should",
    needs: [METHOD.hold],
    run: async (bench) => {
      const visit = await bench.settled({ heartbeatSeconds: DEFAULT_SECONDS });
      if (!visit.holds) throw new Skipped("the client asks for a hold of 0");
      await visit.heartbeat("a Heartbeat as soon as the first reply ended");
    },
  },
  {
    id: "heartbeat-rate",
    clauses: ["5.14.2", "5.17.7"],
    rule: "However soon replies end, the client stays below 20 Heartbeats a second (and a burst of 40).",
    level: "must",
    run: async (bench) => {
      const visit = await bench.settled({ heartbeatSeconds: 0.1 });
      const endMs = performance.now() + 2_000;
      let beats = 0;
      for (let leftMs = 2_000; leftMs > 0; leftMs = endMs - performance.now()) {
        if (!(await visit.poll(leftMs))) break;
        beats++;
        visit.send(END);
      }
      if (beats > 80) throw new Failed("at most 80 Heartbeats in 2 s", String(beats));
    },
  },
  {
    id: "hold-not-honoured",
    clauses: ["5.17.7", "5.17.8"],
    rule: "Where a reply without news ended long before the hold was over, the client waits a second before the next Heartbeat.",
    level: "should",
    needs: [METHOD.hold],
    run: async (bench) => {
      const visit = await bench.settled({ heartbeatSeconds: DEFAULT_SECONDS });
      if (!visit.holds) throw new Skipped("the client asks for a hold of 0");
      await visit.heartbeat("a Heartbeat as soon as the first reply ended");
      visit.send(END);
      const early = await visit.poll(EARLY_MS);
      if (early)
        throw new Failed("no Heartbeat for a second: the server does not hold", clientPacketWords(early));
    },
  },
  {
    id: "plain-server",
    clauses: ["5.18"],
    rule: "Where a server ends no reply, the client goes on with the next Heartbeat after an interval (and its hold).",
    level: "must",
    slowWithoutInterval: true,
    run: async (bench) => {
      const visit = await bench.visited();
      await visit.introduced({ asks: NO_HOLD });
      const intervalMs = intervalOf(bench);
      visit.send(visit.serverWord(INTERVAL_SECONDS), ...added([visit.self]));
      await visit.heartbeat("the next Heartbeat, though no reply ended", 2 * intervalMs + bench.patienceMs);
    },
  },
  {
    id: "silent-server",
    clauses: ["5.15.4"],
    rule: "A server from which no byte came for three intervals, while a Heartbeat is outstanding, counts as gone.",
    level: "should",
    slowWithoutInterval: true,
    run: async (bench) => {
      const visit = await bench.settled({ heartbeatSeconds: INTERVAL_SECONDS, asks: NO_HOLD });
      const intervalMs = intervalOf(bench);
      await visit.heartbeat("a Heartbeat after an interval", 1.5 * intervalMs + bench.patienceMs);
      const startMs = performance.now();
      await visit.mustClose(
        `the server is silent for more than ${3 * intervalMs} ms`,
        3 * intervalMs + bench.patienceMs,
      );
      const tookMs = performance.now() - startMs;
      if (tookMs < 2 * intervalMs)
        throw new Failed(`patience of ${3 * intervalMs} ms`, `the end after ${Math.round(tookMs)} ms`);
    },
  },
];
