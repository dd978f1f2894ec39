import {
  encodeAccept,
  encodeRequest,
  equalBytes,
  METHOD,
  methodDefinition,
  parseLektUrl,
} from "@lekt/protocol";
import { Failed, Skipped } from "../check.ts";
import type { ClientBench, ClientCheck } from "../client-bench.ts";
import { bytesOf, rawHeader } from "../raw-packets.ts";
import { clientPacketWords, type Visit } from "../visit.ts";

const QUIET_MS = 400;
/** Percent-encoded: é and a slash. */
const ODD_NETWORK = "caf%C3%A9%2F1";

/** A visit up to the Requests, none of which is sent. */
async function accepted(bench: ClientBench): Promise<Visit> {
  const visit = await bench.visited();
  await visit.greeted();
  visit.send(encodeAccept());
  return visit;
}

export const clientSetupChecks: readonly ClientCheck[] = [
  {
    id: "handshake",
    clauses: ["1.1", "1.2", "2.3", "3.1", "3.2", "3.3", "3.4", "3.5", "3.6"],
    rule: "The first packet is a Handshake of major version 1, with an n of 1,024 at most and no bit past it.",
    level: "must",
    run: async (bench) => {
      await (await bench.visited()).greeted();
    },
  },
  {
    id: "network",
    clauses: ["2.2.3", "2.2.4", "2.4", "methods 17"],
    rule: "The network's name is the path of the URL, percent-decoded.",
    level: "must",
    run: async (bench) => {
      if (!bench.takesNetwork) throw new Skipped("the command has neither {url} nor {network}");
      const visit = await bench.visited(ODD_NETWORK);
      await visit.asked();
      const { network = "" } = parseLektUrl(`lekt://host/${ODD_NETWORK}`);
      const got = visit.answers.get(METHOD.network);
      if (!got || !equalBytes(got, bytesOf(network))) {
        throw new Failed(
          `the network ${JSON.stringify(network)}`,
          got ? JSON.stringify(new TextDecoder().decode(got)) : "method 17 not set",
        );
      }
    },
  },
  {
    id: "nothing-unasked",
    clauses: ["4.2.3", "4.7.2"],
    rule: "After the Accept the client waits for Requests and sends nothing unasked.",
    level: "must",
    run: async (bench) => {
      const visit = await accepted(bench);
      await visit.quiet("nothing before the first Request", QUIET_MS);
    },
  },
  {
    id: "answers",
    clauses: ["4.1", "4.2.2", "4.2.3", "4.3"],
    rule: "The client answers every Request, in the order of the Requests.",
    level: "must",
    run: async (bench) => {
      await (await bench.visited()).asked();
    },
  },
  {
    id: "answers-none",
    clauses: ["4.2.1"],
    rule: "A server may ask for nothing: the zero request alone is a setup.",
    level: "must",
    run: async (bench) => {
      const visit = await bench.visited();
      await visit.introduced({ asks: () => [] });
    },
  },
  {
    id: "payloads",
    clauses: [
      "4.4",
      "4.5",
      "4.6",
      "1.6",
      "methods 1",
      "methods 2",
      "methods 19",
      "methods 20",
      "methods 21",
      "methods 22",
    ],
    rule: "The payloads that the client answers with are those of the list.",
    level: "must",
    run: async (bench) => {
      const visit = await bench.visited();
      await visit.asked();
      for (const [index, payload] of visit.answers) {
        const fault = methodDefinition(index)?.fault(payload);
        if (fault) throw new Failed(`a payload of method ${index} that is right`, fault);
      }
    },
  },
  {
    id: "no-early-heartbeat",
    clauses: ["4.7.1", "4.7.2"],
    rule: "No Heartbeat comes before the zero request.",
    level: "must",
    run: async (bench) => {
      const visit = await bench.visited();
      await visit.asked();
      await visit.quiet("nothing before the zero request", QUIET_MS);
    },
  },
  {
    id: "zero-unanswered",
    clauses: ["4.7.2", "5.1", "5.15.1"],
    rule: "The zero request has no answer; the first Heartbeat follows it at once.",
    level: "must",
    run: async (bench) => {
      const visit = await bench.visited();
      await visit.introduced({}, "a Heartbeat, at once");
    },
  },
  {
    id: "unset-request",
    clauses: ["1.5.4", "4.2.4"],
    rule: "A Request for a method that the client did not set is a protocol error: the client closes.",
    level: "must",
    run: async (bench) => {
      const visit = await accepted(bench);
      const unset = [9, 10, 11].find((method) => !bench.facts.methods.has(method)) as number;
      visit.send(encodeRequest(unset));
      await visit.mustClose(`Request ${unset} is for a method that it did not set`);
    },
  },
  {
    id: "accept-minor",
    clauses: ["1.3.4", "3.7"],
    rule: "Another minor and extra version of the server is no error.",
    level: "must",
    run: async (bench) => {
      const visit = await bench.visited();
      await visit.greeted();
      visit.send(encodeAccept({ major: 1, minor: 250, extra: 3 }));
      await visit.quiet("a client that waits for Requests", QUIET_MS);
    },
  },
  {
    id: "accept-major",
    clauses: ["1.3.3", "3.8.2"],
    rule: "The client closes when the Accept has another major version.",
    level: "must",
    run: async (bench) => {
      const visit = await bench.visited();
      await visit.greeted();
      visit.send(encodeAccept({ major: 2, minor: 0, extra: 0 }));
      await visit.mustClose("the server's major version is 2");
    },
  },
  {
    id: "not-lekt",
    clauses: ["1.5.4", "3.8.1"],
    rule: "The client closes where the first packet is neither an Accept nor a Reject.",
    level: "must",
    run: async (bench) => {
      const visit = await bench.visited();
      await visit.greeted();
      visit.send(bytesOf("HTTP/1.1 400 Bad Request\r\n\r\n"));
      await visit.mustClose("HTTP was answered");
    },
  },
  {
    id: "setup-type",
    clauses: ["1.2", "1.5.1", "1.5.4"],
    rule: "A packet of a wrong type in the setup is a protocol error: the client closes.",
    level: "must",
    run: async (bench) => {
      const visit = await accepted(bench);
      visit.send(rawHeader("A"), new Uint8Array(20));
      await visit.mustClose("a second Accept came in the setup");
    },
  },
  {
    id: "byte-by-byte",
    clauses: ["1.4.1", "1.4.2"],
    rule: "The stream is understood one byte at a time.",
    level: "must",
    run: async (bench) => {
      const visit = await bench.visited();
      await visit.settled({ send: (bytes) => visit.sendByteByByte(bytes) });
      await visit.mustTake("the stream came one byte at a time");
    },
  },
  {
    id: "packets-joined",
    clauses: ["1.4.2"],
    rule: "Several packets in one segment are each understood.",
    level: "must",
    run: async (bench) => {
      const visit = await bench.visited();
      await visit.greeted();
      visit.begin();
      visit.send(encodeAccept(), encodeRequest(0));
      await visit.heartbeat("a Heartbeat: Accept and zero request came in one segment");
    },
  },
  {
    id: "version-ignored",
    clauses: ["1.3.1"],
    rule: "The version is ignored in later packets.",
    level: "must",
    run: async (bench) => {
      const visit = await accepted(bench);
      visit.begin();
      visit.send(encodeRequest(0, { major: 9, minor: 9, extra: 9 }));
      const packet = await visit.next("a Heartbeat");
      if (packet.type !== "heartbeat") throw new Failed("a Heartbeat", clientPacketWords(packet));
    },
  },
];
