import { type ClientObject, METHOD, toHex } from "@lekt/protocol";
import { Failed } from "../check.ts";
import type { Guest } from "../guest.ts";
import { bytesOf, portPayload } from "../raw-packets.ts";
import { addedOf, type Reply, wordsOf } from "../roster-model.ts";
import type { ServerBench, ServerCheck } from "../server-bench.ts";
import { packetWords } from "../server-packets.ts";

const NONE = new Uint8Array(0);
const MAX_TOKEN_BYTES = 1_024;
const needs = [METHOD.tcp, METHOD.network, METHOD.resume];

/** The words about tokens of a first reply: where it starts, and where it ends. */
function tokensOf(reply: Reply): { start: Uint8Array; end: Uint8Array } {
  const words = wordsOf(reply, METHOD.resume);
  const [start, end] = words;
  const shown = [...reply.updates, reply.end].map(packetWords).join(", ");
  if (!start || !end || words.length > 2)
    throw new Failed("two words of method 26 in the first reply", shown);
  if (end.length === 0 || end.length > MAX_TOKEN_BYTES) {
    throw new Failed(`a token of 1 to ${MAX_TOKEN_BYTES} bytes`, `${end.length} bytes`);
  }
  const objects = addedOf(reply);
  const isWord = (object: (typeof objects)[number] | undefined) =>
    object?.ip === 0 && object.methods[0]?.index === METHOD.resume;
  const before = objects[0]?.methods[0]?.index === METHOD.server ? 1 : 0;
  const firstUpdate = reply.updates[before];
  if (!isWord(objects[before]) || firstUpdate?.type !== "added" || !isWord(objects.at(-1))) {
    throw new Failed("a word of method 26 before everything but `server`, and one before the end", shown);
  }
  return { start, end };
}

/** Comes back with a token to a roster that it has, as a client does (spec 5.19.2). */
async function comeBack(
  bench: ServerBench,
  token: Uint8Array,
  had: readonly ClientObject[],
  port: number,
  network: Uint8Array = bench.network,
): Promise<{ guest: Guest; resumed: boolean }> {
  const guest = await bench.join([
    [METHOD.tcp, portPayload(port)],
    [METHOD.network, network],
    [METHOD.resume, token],
  ]);
  guest.line.heartbeat();
  const reply = await guest.line.reply("the first reply");
  const { start } = tokensOf(reply);
  const resumed = start.length > 0;
  if (resumed && toHex(start) !== toHex(token)) {
    throw new Failed("the client's own token, or none, as the start", toHex(start));
  }
  if (resumed) guest.roster.objects = [...had];
  guest.roster.apply(reply);
  return { guest, resumed };
}

export const resumeChecks: readonly ServerCheck[] = [
  {
    id: "resume-words",
    clauses: ["5.13", "5.19.2", "5.19.3", "methods 26"],
    rule: "Who set `resume` is told first where the reply starts (empty: from nobody), and before its end the new token; a reply that changes nothing has none.",
    level: "must",
    needs,
    run: async (bench) => {
      const offers = [[METHOD.resume, NONE] as const, [METHOD.server, NONE] as const];
      const guest = await bench.member(4_001, offers);
      const first = await guest.beat();
      const { start, end } = tokensOf(first);
      if (start.length > 0)
        throw new Failed("an empty token as the start: there was nothing to resume", toHex(start));
      const empty = await guest.beat();
      if (empty.updates.length > 0)
        throw new Failed("no token where nothing changed", empty.updates.map(packetWords).join(", "));
      await bench.member(4_002);
      const news = await guest.beat();
      const last = news.updates.at(-1);
      const [token, ...more] = wordsOf(news, METHOD.resume);
      const isLast = last?.type === "added" && last.objects.at(-1)?.ip === 0;
      if (!token || more.length > 0 || !isLast) {
        throw new Failed(
          "one new token, just before the end of a reply with news",
          news.updates.map(packetWords).join(", "),
        );
      }
      if (toHex(token) === toHex(end)) throw new Failed("a new token for a new roster", toHex(token));
    },
  },
  {
    id: "resume",
    clauses: ["5.3", "5.19.1", "5.19.2", "5.19.4"],
    rule: "A client that comes back with a token gets the right roster, whether the reply starts from its own one or from nobody.",
    level: "must",
    needs,
    run: async (bench) => {
      const guest = await bench.member(4_001, [[METHOD.resume, NONE]]);
      const leaving = await bench.member(4_002);
      await bench.member(4_003);
      const { end } = tokensOf(await guest.beat());
      guest.mustSee([4_001, 4_002, 4_003], "three have joined");
      guest.line.close();
      leaving.line.close();
      await bench.member(4_004);
      const back = await comeBack(bench, end, guest.roster.objects, 4_005);
      await back.guest.until([4_003, 4_004, 4_005], "two have left and two have come since the token");
    },
  },
  {
    id: "resume-difference",
    clauses: ["5.19.2"],
    rule: "A token that was just given is good: the reply starts from it.",
    level: "should",
    needs,
    run: async (bench) => {
      const stay = await bench.member(4_002);
      await stay.beat();
      const guest = await bench.member(4_001, [[METHOD.resume, NONE]]);
      const { end } = tokensOf(await guest.beat());
      guest.line.close();
      const { resumed } = await comeBack(bench, end, guest.roster.objects, 4_001);
      if (!resumed) throw new Failed("the client's own token as the start", "an empty one");
    },
  },
  {
    id: "resume-old",
    clauses: ["5.19.3", "5.19.4"],
    rule: "An older token, from before the last one, leads to the right roster, too.",
    level: "must",
    needs,
    run: async (bench) => {
      const guest = await bench.member(4_001, [[METHOD.resume, NONE]]);
      const { end } = tokensOf(await guest.beat());
      const had = [...guest.roster.objects];
      for (const port of [4_002, 4_003]) {
        await bench.member(port);
        await guest.beat();
      }
      guest.mustSee([4_001, 4_002, 4_003], "three have joined");
      const back = await comeBack(bench, end, had, 4_004);
      await back.guest.until([4_001, 4_002, 4_003, 4_004], "three came since the token, and nobody left");
    },
  },
  {
    id: "resume-forged",
    clauses: ["5.19.4", "methods 26"],
    rule: "A token that the server does not know is no error; the reply starts from nobody.",
    level: "must",
    needs,
    run: async (bench) => {
      const guest = await bench.member(4_001, [[METHOD.resume, NONE]]);
      const { end } = tokensOf(await guest.beat());
      const near = end.map((byte, i) => (i === end.length - 1 ? byte ^ 1 : byte));
      for (const [i, token] of [
        bytesOf("never heard of"),
        new Uint8Array(MAX_TOKEN_BYTES),
        near,
        end.subarray(1),
      ].entries()) {
        if (token.length === 0) continue;
        const { guest: back, resumed } = await comeBack(bench, token, guest.roster.objects, 4_010 + i);
        if (resumed) throw new Failed("an empty token as the start: this one was made up", toHex(token));
        if (!back.roster.ports.includes("4001")) throw new Failed("the whole roster", back.roster.ports);
        back.line.close();
      }
    },
  },
  {
    id: "resume-foreign",
    clauses: ["5.19.4"],
    rule: "A token is bound to its network: in another one the reply starts from nobody.",
    level: "must",
    needs,
    run: async (bench) => {
      const guest = await bench.member(4_001, [[METHOD.resume, NONE]]);
      const { end } = tokensOf(await guest.beat());
      const other = bytesOf(bench.network, "-other");
      await bench.join([
        [METHOD.tcp, portPayload(4_002)],
        [METHOD.network, other],
      ]);
      const back = await comeBack(bench, end, guest.roster.objects, 4_003, other);
      if (back.resumed)
        throw new Failed("an empty token as the start: the token is another network's", toHex(end));
      back.guest.mustSee([4_002, 4_003], "two are in the other network");
    },
  },
];
