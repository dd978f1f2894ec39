import { type ClientObject, METHOD } from "@lekt/protocol";
import { Skipped } from "../check.ts";
import type { ClientBench, ClientCheck } from "../client-bench.ts";
import { bytesOf } from "../raw-packets.ts";
import { added, END, removed, type Visit, word } from "../visit.ts";

/** 198.51.100.1 and .2, addresses of documentation. */
const IP = 0xc6336401;
const OTHER_IP = 0xc6336402;

function peer(ip: number, name: string): ClientObject {
  return { ip, methods: [{ index: METHOD.name, payload: bytesOf(name) }] };
}

/** The next reply, when the client asks for it. */
async function reply(visit: Visit, ...packets: readonly Uint8Array[]): Promise<void> {
  await visit.heartbeat("the next Heartbeat");
  visit.send(...packets, END);
}

/** A client that shows these peers. */
async function showing(
  bench: ClientBench,
  peers: readonly ClientObject[],
  names: readonly string[],
): Promise<Visit> {
  const visit = await bench.settled({ heartbeatSeconds: 0.1 }, peers);
  await bench.printed.until(names, "the first reply", bench.patienceMs);
  return visit;
}

/** Judged by what the program prints; only where its lines are understood. */
export const clientRosterChecks: readonly ClientCheck[] = [
  {
    id: "roster-first",
    clauses: ["5.2.1", "5.2.3", "5.8.1", "5.13"],
    rule: "The program shows those who are in the first reply, twins twice, itself and words from the server not.",
    level: "must",
    judgesEvents: true,
    run: async (bench) => {
      const peers = [peer(IP, "ada"), peer(OTHER_IP, "bob"), peer(OTHER_IP, "bob"), peer(0, "word")];
      await showing(bench, peers, ["ada", "bob", "bob"]);
    },
  },
  {
    id: "roster-shared",
    clauses: ["5.8.1", "5.8.2", "5.9.1", "5.9.2"],
    rule: "Who is removed and added again within a reply has not changed; who is removed alone has left.",
    level: "must",
    judgesEvents: true,
    run: async (bench) => {
      const ada = peer(IP, "ada");
      const visit = await showing(bench, [ada, peer(IP, "bob"), peer(IP, "bob")], ["ada", "bob", "bob"]);
      await reply(visit, ...removed([IP]), ...added([ada, peer(IP, "bob")]));
      await bench.printed.until(
        ["ada", "bob"],
        "one of the twins behind the address has left",
        bench.patienceMs,
      );
      bench.printed.mustNotReport("left", "ada", "it was removed and added again in one reply");
    },
  },
  {
    id: "roster-removed",
    clauses: ["5.7"],
    rule: "A Removed packet removes every client with the IP.",
    level: "must",
    judgesEvents: true,
    run: async (bench) => {
      const visit = await showing(
        bench,
        [peer(IP, "ada"), peer(IP, "bob"), peer(OTHER_IP, "cyd")],
        ["ada", "bob", "cyd"],
      );
      await reply(visit, ...removed([IP]));
      await bench.printed.until(["cyd"], "two at one address were removed", bench.patienceMs);
    },
  },
  {
    id: "roster-at-end",
    clauses: ["5.4.3"],
    rule: "A reply takes effect at its end, as one step; a part without its end is thrown away.",
    level: "must",
    judgesEvents: true,
    run: async (bench) => {
      const visit = await showing(bench, [peer(IP, "ada")], ["ada"]);
      await visit.heartbeat("the next Heartbeat");
      visit.send(...removed([IP]), ...added([peer(OTHER_IP, "bob")]));
      await visit.poll(300);
      bench.printed.mustNotReport("joined", "bob", "its reply has not ended");
      bench.printed.mustNotReport("left", "ada", "its reply has not ended");
      visit.socket.destroy();
      const again = await bench.poll(bench.patienceMs);
      await again?.settled({}, [peer(IP, "ada")]);
      await again?.mustTake("it came back");
      bench.printed.mustNotReport("joined", "bob", "the reply that brought it was cut off");
      bench.printed.mustNotReport("left", "ada", "the reply that took it away was cut off");
    },
  },
  {
    id: "roster-resumed",
    clauses: ["5.9.4", "5.19.2", "5.19.5"],
    rule: "Where the first reply starts from the client's own token it keeps its roster, and reports only what changed.",
    level: "must",
    needs: [METHOD.resume],
    judgesEvents: true,
    run: async (bench) => {
      const token = bytesOf("a token");
      const tokenWord = added([word(METHOD.resume, token)]);
      const visit = await showing(bench, [peer(IP, "ada"), peer(OTHER_IP, "bob")], ["ada", "bob"]);
      await reply(visit, ...added([peer(OTHER_IP, "cyd")]), ...tokenWord);
      await bench.printed.until(["ada", "bob", "cyd"], "one has joined", bench.patienceMs);
      visit.socket.destroy();
      const again = await bench.poll(bench.patienceMs);
      if (!again) throw new Skipped("the program does not connect again");
      await again.introduced();
      again.send(
        again.serverWord(0.1),
        ...tokenWord,
        ...removed([IP]),
        ...added([word(METHOD.resume, bytesOf("the next"))]),
        END,
      );
      await bench.printed.until(
        ["bob", "cyd"],
        "the client went on from its token, and one has left since",
        bench.patienceMs,
      );
      bench.printed.mustNotReport("left", "bob", "it was there before the token and after");
    },
  },
];
