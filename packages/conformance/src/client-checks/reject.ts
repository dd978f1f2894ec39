import { setTimeout as sleep } from "node:timers/promises";
import { encodeAccept, encodeReject, METHOD, type RejectWord } from "@lekt/protocol";
import { Failed, Skipped } from "../check.ts";
import type { ClientBench, ClientCheck } from "../client-bench.ts";
import { bytesOf, portPayload, rawHeader } from "../raw-packets.ts";
import { added, END, type Visit, word } from "../visit.ts";

/** So long a client that gives up is watched. */
const WATCH_MS = 1_500;
const MAX_MOVES = 3;

async function refusedWith(bench: ClientBench, bytes: Uint8Array, why: string): Promise<void> {
  const visit = await bench.visited();
  await visit.greeted();
  visit.socket.end(bytes);
  await visit.mustClose(why);
}

async function mustGiveUp(bench: ClientBench, why: string): Promise<void> {
  if (await bench.pollQuietly(WATCH_MS)) throw new Failed(`no further connection: ${why}`, "one");
}

function givesUp(id: string, clauses: readonly string[], rule: string, message: Uint8Array): ClientCheck {
  return {
    id,
    clauses,
    rule,
    level: "must",
    run: async (bench) => {
      await refusedWith(bench, message, rule);
      await mustGiveUp(bench, rule);
    },
  };
}

/** The next connection, of a client that connects again by itself; nothing asks it to (spec 6.4 is about Rejects). */
async function back(bench: ClientBench): Promise<Visit> {
  const visit = await bench.poll(bench.patienceMs);
  if (!visit) throw new Skipped("the program does not connect again when a connection is lost");
  return visit;
}

async function movedTo(visit: Visit, url: string): Promise<void> {
  await visit.greeted();
  visit.socket.end(encodeReject("moved", url));
  await visit.mustClose("it was refused with `moved`");
}

export const clientRejectChecks: readonly ClientCheck[] = [
  ...(["auth", "malformed", "kicked", "replaced", "version"] as const satisfies readonly RejectWord[]).map(
    (each) =>
      givesUp(
        `gives-up-${each}`,
        ["6.3", "6.4.3", "6.4.4"],
        `After a Reject \`${each}\` the client closes and does not connect again.`,
        encodeReject(each, "for a reason"),
      ),
  ),
  givesUp(
    "reject-version",
    ["1.3.3", "6.1.2", "6.4.3"],
    "A Reject is read whatever its version is.",
    encodeReject("auth", "not allowed", { major: 7, minor: 7, extra: 7 }),
  ),
  givesUp(
    "reject-unknown",
    ["6.1.3", "6.4.3"],
    "After a Reject with a word that the client does not know it gives up.",
    bytesOf(rawHeader("R"), "tomorrow: not today\0"),
  ),
  {
    id: "reject-long",
    clauses: ["1.4.3", "6.1.1", "6.1.3"],
    rule: "A Reject of more than 1,024 bytes is a protocol error: the client closes before its end.",
    level: "must",
    run: async (bench) => {
      const visit = await bench.visited();
      await visit.greeted();
      visit.send(rawHeader("R"), new Uint8Array(5_000).fill(0x61));
      await visit.mustClose("5,000 bytes of a Reject came, and no NUL");
    },
  },
  {
    id: "reject-later",
    clauses: ["6.2", "6.4.4", "5.4.3"],
    rule: "A Reject may come between the packets of a reply.",
    level: "must",
    run: async (bench) => {
      const visit = await bench.settled();
      visit.send(...added([visit.self]), encodeReject("kicked", "by the operator"));
      await visit.mustClose("a Reject came");
      await mustGiveUp(bench, "it was refused with `kicked`");
    },
  },
  {
    id: "tries-again",
    clauses: ["6.3", "6.4.1"],
    rule: "After `shutdown` (and `limit`, `rate`, `timeout`, `internal`) the client connects again.",
    level: "should",
    run: async (bench) => {
      const visit = await bench.settled();
      visit.socket.end(encodeReject("shutdown", "the server is going down"));
      await visit.mustClose("it was refused with `shutdown`");
      const again = await bench.poll(bench.patienceMs);
      if (!again && bench.hasEnded) throw new Skipped("the program ended rather than connect again");
      if (!again) throw new Failed("a further connection", `none within ${bench.patienceMs} ms`);
      await again.greeted();
    },
  },
  {
    id: "backoff",
    clauses: ["6.4.1"],
    rule: "A client that is refused again and again waits longer and longer.",
    level: "must",
    run: async (bench) => {
      const first = await bench.settled();
      first.socket.end(encodeReject("limit", "this network is full"));
      const endMs = performance.now() + 2_500;
      let attempts = 0;
      for (let leftMs = 2_500; leftMs > 0; leftMs = endMs - performance.now()) {
        const visit = await bench.poll(leftMs);
        if (!visit) break;
        attempts++;
        visit.socket.end(encodeReject("limit", "this network is full"));
      }
      if (attempts === 0 && bench.hasEnded) throw new Skipped("the program ended rather than connect again");
      // Full jitter may be lucky; 250 ms doubled each time are some five attempts.
      if (attempts > 25) throw new Failed("a few attempts in 2.5 s", String(attempts));
    },
  },
  {
    id: "moved",
    clauses: ["6.3", "6.4.2"],
    rule: "After `moved` the client goes to the URL in the text at once; its path names the network.",
    level: "must",
    run: async (bench) => {
      await movedTo(await bench.visited(), `lekt://127.0.0.1:${bench.port}/moved`);
      const visit = await bench.next("a connection to the URL in the text", bench.patienceMs);
      await visit.asked();
      const network = new TextDecoder().decode(visit.answers.get(METHOD.network));
      if (network !== "moved")
        throw new Failed("the network `moved`, as in the URL", JSON.stringify(network));
    },
  },
  {
    id: "moved-often",
    clauses: ["6.4.2"],
    rule: "After three moves without a finished setup the client gives up.",
    level: "must",
    run: async (bench) => {
      const url = `lekt://127.0.0.1:${bench.port}/round`;
      let visit: Visit | undefined = await bench.visited();
      for (let moves = 0; visit; moves++) {
        if (moves > MAX_MOVES) throw new Failed(`the end after ${MAX_MOVES} moves`, `move ${moves}`);
        await movedTo(visit, url);
        visit = await bench.poll(WATCH_MS);
      }
    },
  },
  {
    id: "moved-nowhere",
    clauses: ["2.2.5", "2.2.6", "2.2.7", "6.4.2"],
    rule: "A `moved` whose text is no URL that the client can open makes it give up.",
    level: "must",
    run: async (bench) => {
      await movedTo(await bench.visited(), `lekt://127.0.0.1:${bench.port}/moved#key=${"A".repeat(43)}`);
      await mustGiveUp(bench, "a server gives out no keys");
    },
  },
  {
    id: "resume-token",
    clauses: ["5.19.1", "5.19.3"],
    rule: "Coming back, the client answers Request 26 with the last token whose reply had ended, not with one behind it.",
    level: "must",
    needs: [METHOD.resume],
    run: async (bench) => {
      const visit = await bench.settled();
      await visit.mustTake(
        "a token came",
        ...added([{ ip: 0xc6336401, methods: [{ index: 1, payload: portPayload(1) }] }]),
      );
      const finished = bytesOf("the first token");
      visit.send(...added([word(METHOD.resume, finished)]), END);
      await sleep(300);
      visit.send(...added([word(METHOD.resume, bytesOf("never finished"))]));
      await sleep(100);
      visit.socket.destroy();
      const again = await back(bench);
      await again.asked();
      const got = new TextDecoder().decode(again.answers.get(METHOD.resume));
      if (got !== "the first token") throw new Failed('the token "the first token"', JSON.stringify(got));
    },
  },
  {
    id: "new-connection",
    clauses: ["5.3", "5.9.4"],
    rule: "Coming back, the client begins anew: Handshake, setup, Heartbeat.",
    level: "must",
    run: async (bench) => {
      const visit = await bench.settled();
      visit.socket.destroy();
      const again = await back(bench);
      await again.settled();
      await again.mustTake("it came back");
    },
  },
  {
    id: "accept-then-end",
    clauses: ["5.4.3"],
    rule: "A server that ends the connection in the setup is gone: the client closes its side.",
    level: "must",
    run: async (bench) => {
      const visit = await bench.visited();
      await visit.greeted();
      visit.socket.end(encodeAccept());
      await visit.mustClose("the server has ended the connection");
    },
  },
];
