import { METHOD } from "@lekt/protocol";
import { Failed } from "../check.ts";
import type { Guest } from "../guest.ts";
import { portPayload, u32 } from "../raw-packets.ts";
import { QUIET_MS, type ServerBench, type ServerCheck } from "../server-bench.ts";

const LONG_MS = 20_000;
const SHORT_MS = 600;
const CHANGE_EVERY_MS = 12;
/** What two clients may change at once, and a little more that comes within a second. */
const MAX_CHANGES = 90;
const NEWS_WATCH_MS = 1_000;
/** A burst of 20 and 20 a second, and what a late clock may add. */
const MAX_NEWS = 46;

/** A client with `hold` whose first reply came, and that has sent the next Heartbeat. */
async function holding(bench: ServerBench, holdMs: number): Promise<Guest> {
  const guest = await bench.member(4_001, [[METHOD.hold, u32(holdMs)]]);
  await guest.beat("the first reply, which is not held");
  guest.line.heartbeat();
  return guest;
}

const needs = [METHOD.tcp, METHOD.hold];

export const holdChecks: readonly ServerCheck[] = [
  {
    id: "hold-first",
    clauses: ["5.17.3"],
    rule: "The first reply of a connection is not held.",
    level: "must",
    needs: [METHOD.hold],
    run: async (bench) => {
      const guest = await bench.member(4_001, [[METHOD.hold, u32(LONG_MS)]]);
      await guest.beat("the first reply, which is not held");
    },
  },
  {
    id: "hold-kept",
    clauses: ["5.17.1", "methods 22"],
    rule: "While nothing changed the reply is kept back.",
    level: "should",
    needs,
    run: async (bench) => {
      const { line } = await holding(bench, LONG_MS);
      await line.quiet(`nothing: the hold is ${LONG_MS} ms`, 2 * QUIET_MS);
    },
  },
  {
    id: "hold-news",
    clauses: ["5.17.2"],
    rule: "A held reply goes out when something changes.",
    level: "must",
    needs,
    run: async (bench) => {
      const guest = await holding(bench, LONG_MS);
      await bench.member(4_002);
      await guest.reply("the held reply: the client with port 4002 has joined");
      // A server that held for less has told nothing yet (spec 5.17.8).
      if (guest.roster.ports === "4001") await guest.beat("a reply with the news");
      guest.mustSee([4_001, 4_002], "the client with port 4002 has joined");
    },
  },
  {
    id: "hold-time",
    clauses: ["5.17.1", "5.17.2", "5.17.8"],
    rule: "A reply is not held for longer than the client asked for.",
    level: "must",
    needs,
    run: async (bench) => {
      const { line } = await holding(bench, SHORT_MS);
      const reply = await line.reply(`the held reply after ${SHORT_MS} ms`, SHORT_MS + bench.patienceMs);
      if (reply.updates.length > 0)
        throw new Failed("a reply without news", `${reply.updates.length} updates`);
    },
  },
  {
    id: "hold-zero",
    clauses: ["5.17.8", "methods 22"],
    rule: "A hold of 0 is none.",
    level: "must",
    needs,
    run: async (bench) => {
      const { line } = await holding(bench, 0);
      await line.reply("a reply that is not held");
    },
  },
  {
    id: "hold-released",
    clauses: ["5.14.1", "5.17.4"],
    rule: "A further Heartbeat releases a held reply, and then gets its own.",
    level: "must",
    needs,
    run: async (bench) => {
      const guest = await holding(bench, LONG_MS);
      guest.line.heartbeat();
      await guest.reply("the held reply: a further Heartbeat came");
      await bench.member(4_002);
      await guest.reply("the reply to the further Heartbeat: the client with port 4002 has joined");
      guest.mustSee([4_001, 4_002], "the client with port 4002 has joined");
    },
  },
  {
    id: "hold-news-rate",
    clauses: ["5.17.6"],
    rule: "News go to one client with `hold` at most 20 times a second, in a burst of 20; what comes faster is gathered (by default).",
    level: "should",
    needs: [...needs, METHOD.update],
    run: async (bench) => {
      const guest = await holding(bench, LONG_MS);
      const busy = [
        await bench.member(4_002, [[METHOD.update, new Uint8Array(0)]]),
        await bench.member(4_003, [[METHOD.update, new Uint8Array(0)]]),
      ];
      // Each stays within its own rate: a burst of 40, and 20 a second.
      let port = 5_000;
      const changes = setInterval(
        () => busy[port % 2]?.answer(METHOD.tcp, portPayload(port++)),
        CHANGE_EVERY_MS,
      );
      const endMs = performance.now() + NEWS_WATCH_MS;
      let replies = 0;
      try {
        for (let leftMs = NEWS_WATCH_MS; leftMs > 0; leftMs = endMs - performance.now()) {
          await guest.reply("news", leftMs + bench.patienceMs);
          guest.line.heartbeat();
          replies++;
          if (port >= 5_000 + MAX_CHANGES) clearInterval(changes);
        }
      } finally {
        clearInterval(changes);
      }
      if (replies > MAX_NEWS)
        throw new Failed(`at most ${MAX_NEWS} replies in ${NEWS_WATCH_MS} ms`, String(replies));
    },
  },
];
