import { decodeUtf8, METHOD, toHex } from "@lekt/protocol";
import { Failed } from "../check.ts";
import { portPayload } from "../raw-packets.ts";
import { addedOf, type Reply, removedOf, sessionOf, wordsOf } from "../roster-model.ts";
import type { ServerBench, ServerCheck } from "../server-bench.ts";
import { packetWords } from "../server-packets.ts";

const NONE = new Uint8Array(0);
const SERVER = [METHOD.server, NONE] as const;
const SESSION = [METHOD.session, NONE] as const;

function shown(reply: Reply): string {
  return [...reply.updates, reply.end].map(packetWords).join(", ");
}

/** The JSON object of the word for `server`. */
function infoOf(reply: Reply): Record<string, unknown> {
  const [payload] = wordsOf(reply, METHOD.server);
  const expected = "a word of method 23 with a JSON object";
  if (!payload) throw new Failed(expected, shown(reply));
  const text = decodeUtf8(payload);
  try {
    const value: unknown = JSON.parse(text ?? "");
    if (typeof value === "object" && value !== null && !Array.isArray(value))
      return value as Record<string, unknown>;
  } catch {
    // Said below.
  }
  throw new Failed(expected, text === undefined ? toHex(payload) : JSON.stringify(text));
}

async function infoFor(bench: ServerBench) {
  const guest = await bench.member(4_001, [SERVER]);
  return { guest, info: infoOf(await guest.beat()) };
}

export const wordChecks: readonly ServerCheck[] = [
  {
    id: "server-word",
    clauses: ["5.13", "methods 23"],
    rule: "Who set `server` gets an Added packet with one object first in the first reply: IP 0.0.0.0, method 23, a JSON object. It comes once.",
    level: "must",
    needs: [METHOD.server],
    run: async (bench) => {
      const guest = await bench.member(4_001, [SERVER]);
      const reply = await guest.beat();
      infoOf(reply);
      const [first] = reply.updates;
      const isAlone = first?.type === "added" && first.objects.length === 1 && first.objects[0]?.ip === 0;
      const word = isAlone ? first.objects[0] : undefined;
      if (word?.methods.length !== 1 || word.methods[0]?.index !== METHOD.server) {
        throw new Failed("the word of method 23 alone in the first packet", shown(reply));
      }
      const later = await guest.beat();
      if (wordsOf(later, METHOD.server).length > 0)
        throw new Failed("no second word of method 23", shown(later));
    },
  },
  {
    id: "server-word-keys",
    clauses: ["methods 23"],
    rule: "The JSON object has `you` with an address and a port, `heartbeatSeconds` from 0.1 to 86,400, `relay` and `stun`.",
    level: "must",
    needs: [METHOD.server],
    run: async (bench) => {
      const { info } = await infoFor(bench);
      const { you, heartbeatSeconds, relay, stun } = info as {
        you?: { address?: unknown; port?: unknown };
        heartbeatSeconds?: unknown;
        relay?: unknown;
        stun?: unknown;
      };
      const isHost = (value: unknown) => typeof value === "string" && /^.+:\d{1,5}$/.test(value);
      const isGood =
        typeof you?.address === "string" &&
        typeof you.port === "number" &&
        typeof heartbeatSeconds === "number" &&
        heartbeatSeconds >= 0.1 &&
        heartbeatSeconds <= 86_400 &&
        (relay === null || isHost(relay)) &&
        Array.isArray(stun) &&
        stun.every(isHost);
      if (!isGood)
        throw new Failed("you {address, port}, heartbeatSeconds, relay and stun", JSON.stringify(info));
    },
  },
  {
    id: "server-word-you",
    clauses: ["5.2.3", "methods 23"],
    rule: "`you` is the client's address and port as the server sees them.",
    level: "must",
    needs: [METHOD.server],
    run: async (bench) => {
      const { guest, info } = await infoFor(bench);
      const { localAddress, localPort } = guest.line.socket;
      const you = info["you"] as { address?: unknown; port?: unknown } | undefined;
      const isLoopback = localAddress === "::1" || localAddress?.startsWith("127.");
      // A router on the way may have changed both.
      if (isLoopback && (you?.address !== localAddress || you?.port !== localPort)) {
        throw new Failed(`you: ${localAddress}, port ${localPort}`, JSON.stringify(info));
      }
    },
  },
  {
    id: "words-unasked",
    clauses: ["5.8.7", "5.13"],
    rule: "Who set none of `server`, `resume` and `session` sees no word, and method 29 nowhere.",
    level: "must",
    needs: [METHOD.tcp],
    run: async (bench) => {
      const guest = await bench.member(4_001);
      const other = await bench.member(4_002, [SERVER, SESSION, [METHOD.resume, NONE]]);
      const replies = [await guest.beat()];
      other.line.close();
      replies.push(...(await guest.until([4_001], "the client with port 4002 has left")));
      for (const reply of replies) {
        if (addedOf(reply).some((object) => object.ip === 0 || sessionOf(object) !== undefined)) {
          throw new Failed("objects of clients alone, without method 29", shown(reply));
        }
      }
    },
  },
  {
    id: "session",
    clauses: ["5.8.5", "methods 29"],
    rule: "Who set `session` gets method 29 in every object: 8 bytes, different for each connection.",
    level: "must",
    needs: [METHOD.tcp, METHOD.session],
    run: async (bench) => {
      await bench.member(4_001);
      await bench.member(4_001);
      const guest = await bench.member(4_002, [SESSION]);
      await guest.beat();
      guest.mustSee([4_001, 4_001, 4_002], "all of them have joined");
      const sessions = guest.roster.objects.map((object) => sessionOf(object) ?? "none");
      if (sessions.some((session) => session.length !== 16) || new Set(sessions).size !== 3) {
        throw new Failed("three different sessions of 8 bytes", sessions.join(" "));
      }
    },
  },
  {
    id: "session-own",
    clauses: ["methods 23", "methods 29"],
    rule: "A client finds its own session in `you`.",
    level: "must",
    needs: [METHOD.tcp, METHOD.server, METHOD.session],
    run: async (bench) => {
      const guest = await bench.member(4_001, [SERVER, SESSION]);
      const { you } = infoOf(await guest.beat()) as { you?: { session?: unknown } };
      const own = sessionOf(guest.roster.byPort(4_001));
      if (you?.session !== own) throw new Failed(`you.session: ${own}`, JSON.stringify(you));
    },
  },
  {
    id: "session-gone",
    clauses: ["5.8.5", "5.8.7"],
    rule: "Who set `session` is told of a leave behind a shared address by a word with the session, and nobody is repeated.",
    level: "must",
    needs: [METHOD.tcp, METHOD.session],
    run: async (bench) => {
      const guest = await bench.member(4_001, [SESSION]);
      const leaving = await bench.member(4_002);
      await bench.member(4_003);
      await guest.until([4_001, 4_002, 4_003], "three have joined");
      const session = sessionOf(guest.roster.byPort(4_002));
      leaving.line.close();
      const replies = await guest.until([4_001, 4_003], "the client with port 4002 has left");
      const gone = replies.flatMap((reply) => wordsOf(reply, METHOD.session).map(toHex)).join(" ");
      const repeated = replies.flatMap((reply) => [
        ...removedOf(reply),
        ...addedOf(reply).filter(({ ip }) => ip !== 0),
      ]);
      if (gone !== session || repeated.length > 0) {
        throw new Failed(`a word with the session ${session} alone`, replies.map(shown).join("; "));
      }
    },
  },
  {
    id: "session-change",
    clauses: ["4.10.5", "5.8.6"],
    rule: "Where one behind a shared address changes, who set `session` gets the word with its session and an object with the same session.",
    level: "must",
    needs: [METHOD.tcp, METHOD.session, METHOD.update],
    run: async (bench) => {
      const guest = await bench.member(4_001, [SESSION]);
      const changing = await bench.member(4_002, [[METHOD.update, NONE]]);
      await guest.until([4_001, 4_002], "two have joined");
      const session = sessionOf(guest.roster.byPort(4_002));
      changing.answer(METHOD.tcp, portPayload(4_012));
      const replies = await guest.until([4_001, 4_012], "port 4002 was replaced by 4012");
      const gone = replies.flatMap((reply) => wordsOf(reply, METHOD.session).map(toHex)).join(" ");
      const after = sessionOf(guest.roster.byPort(4_012));
      if (gone !== session || after !== session || replies.some((reply) => removedOf(reply).length > 0)) {
        throw new Failed(
          `a word with the session ${session}, and an object with it`,
          replies.map(shown).join("; "),
        );
      }
    },
  },
];
