import { encodeHandshake, encodeHeartbeat, encodeResponse, METHOD } from "@lekt/protocol";
import { Failed } from "../check.ts";
import type { Line } from "../line.ts";
import { bytesOf, portPayload, rawHeader, rawResponseHead } from "../raw-packets.ts";
import { QUIET_MS, type ServerBench, type ServerCheck } from "../server-bench.ts";
import { packetWords } from "../server-packets.ts";

/** Reserved or not assigned, or set by the server alone: nobody is asked for them (methods.md). */
const NEVER_ASKED = [5, 6, 25, 30, 31, 32, 65, 66, 100, 128];

/** A client that was asked for `tcp` and has not answered yet. */
async function askedForTcp(bench: ServerBench): Promise<Line> {
  const line = await bench.connect();
  await line.greet(1, [METHOD.tcp]);
  await line.request(METHOD.tcp);
  return line;
}

/** All Requests for these methods, answered with an empty payload or as `answers` says. */
async function requestsFor(bench: ServerBench, known: number, methods: readonly number[]): Promise<number[]> {
  const line = await bench.connect();
  await line.greet(known, methods);
  const requests: number[] = [];
  // Those that come without an answer to the ones before are enough here (spec 4.2.2).
  for (let packet = await line.next("a Request"); packet; ) {
    if (packet.type !== "request") throw new Failed("Requests alone", packetWords(packet));
    requests.push(packet.method);
    const next = await line.poll(QUIET_MS);
    if (!next) break;
    packet = next;
  }
  return requests;
}

export const setupChecks: readonly ServerCheck[] = [
  {
    id: "requests",
    clauses: ["4.1", "4.2.1", "3.3", "4.2.4"],
    rule: "The server asks for set methods alone, for each once, in ascending order.",
    level: "must",
    run: async (bench) => {
      const set = Array.from({ length: 32 }, (_, i) => 2 * i + 1);
      const requests = await requestsFor(bench, 64, set);
      const shown = `Requests ${requests.join(" ")}`;
      if (requests.some((method) => method !== 0 && !set.includes(method))) {
        throw new Failed("Requests for the odd methods alone, which were set", shown);
      }
      if (requests.some((method, i) => method <= (requests[i - 1] ?? -1))) {
        throw new Failed("Requests that ascend, each method once", shown);
      }
    },
  },
  {
    id: "requests-never",
    clauses: [
      "4.2.1",
      "10",
      "methods 5",
      "methods 6",
      "methods 25",
      "methods 30",
      "methods 31",
      "methods 65",
    ],
    rule: "The server never asks for `ipv6`, for reserved and for not assigned methods.",
    level: "must",
    run: async (bench) => {
      const requests = await requestsFor(bench, 128, NEVER_ASKED);
      if (requests.some((method) => method !== 0)) {
        throw new Failed(`no Request for any of ${NEVER_ASKED.join(" ")}`, `Requests ${requests.join(" ")}`);
      }
    },
  },
  {
    id: "zero-request-last",
    clauses: ["4.7.1", "5.2.1"],
    rule: "The zero request comes when all answers are there, and not before.",
    level: "must",
    needs: [METHOD.tcp],
    run: async (bench) => {
      const line = await askedForTcp(bench);
      await line.quiet("nothing before Request 1 is answered", QUIET_MS);
      line.send(rawResponseHead(METHOD.tcp, 2), Uint8Array.of(0x0f));
      await line.quiet("nothing before the answer is whole", QUIET_MS);
      line.send(Uint8Array.of(0xa0));
      await line.request(0);
    },
  },
  {
    id: "nothing-unasked",
    clauses: ["4.7.2", "5.4.4"],
    rule: "After the zero request nothing comes before the first Heartbeat, whatever happens in the network.",
    level: "must",
    needs: [METHOD.tcp],
    run: async (bench) => {
      const guest = await bench.member(4_001);
      await bench.member(4_002);
      await guest.line.quiet("nothing before the first Heartbeat", QUIET_MS);
    },
  },
  {
    id: "early-heartbeat",
    clauses: ["1.2", "1.5.1", "4.7.2"],
    rule: "A Heartbeat before the answers is `malformed`.",
    level: "must",
    needs: [METHOD.tcp],
    run: async (bench) => {
      const line = await askedForTcp(bench);
      line.send(encodeHeartbeat(0n));
      await line.reject("malformed", "a Heartbeat came instead of the answer to Request 1");
    },
  },
  {
    id: "setup-type",
    clauses: ["1.5.1", "1.5.3"],
    rule: "In the setup a type that does not exist, and one of the other direction, are `malformed`.",
    level: "must",
    needs: [METHOD.tcp],
    run: async (bench) => {
      for (const type of ["Z", "A"]) {
        const line = await askedForTcp(bench);
        line.send(rawHeader(type), new Uint8Array(16));
        await line.reject("malformed", `a packet of type ${type} came in the setup`);
      }
    },
  },
  {
    id: "wrong-index",
    clauses: ["4.3", "4.6"],
    rule: "An answer for another index than the one whose turn it is is `malformed`.",
    level: "must",
    needs: [METHOD.tcp],
    run: async (bench) => {
      const line = await askedForTcp(bench);
      line.send(encodeResponse(METHOD.name, bytesOf("ada")));
      await line.reject("malformed", "Request 1 was answered by a Response for method 20");
    },
  },
  {
    id: "answer-too-many",
    clauses: ["4.6", "4.8", "4.10.3"],
    rule: "An answer too many is `malformed`.",
    level: "must",
    needs: [METHOD.tcp],
    run: async (bench) => {
      const line = await askedForTcp(bench);
      line.send(encodeResponse(METHOD.tcp, portPayload(1)), encodeResponse(METHOD.tcp, portPayload(2)));
      await line.reject("malformed", "Request 1 was answered twice");
    },
  },
  {
    id: "length-limit",
    clauses: ["1.4.3", "4.5"],
    rule: "A length past the limit is refused with `limit` when it is read, before its payload comes.",
    level: "must",
    needs: [METHOD.tcp],
    run: async (bench) => {
      const line = await askedForTcp(bench);
      line.send(rawResponseHead(METHOD.tcp, 0xffffffff));
      await line.reject("limit", "a length of 4,294,967,295 was sent, and no payload");
    },
  },
  {
    id: "payload-limit",
    clauses: ["4.5", "methods 18"],
    rule: "A payload of 4,096 bytes is taken and one of 4,097 refused (by default).",
    level: "should",
    needs: [METHOD.token],
    run: async (bench) => {
      const begin = async (length: number) => {
        const line = await bench.connect();
        await line.greet(METHOD.token, [METHOD.token]);
        await line.request(METHOD.token);
        line.send(rawResponseHead(METHOD.token, length));
        return line;
      };
      await (await begin(4_097)).reject("limit", "a length of 4,097");
      await (await begin(4_096)).quiet("no Reject of a length of 4,096", QUIET_MS);
    },
  },
  {
    id: "published-limit",
    clauses: ["4.5"],
    rule: "Published payloads of 2,048 bytes together are taken, and 2,049 refused when the length is read (by default).",
    level: "should",
    needs: [METHOD.tcp, METHOD.network, 33],
    run: async (bench) => {
      const whole = await bench.member(4_001, [[33, new Uint8Array(2_046)]]);
      await whole.beat();
      const line = await bench.connect();
      await line.greet(33, [METHOD.tcp, 33]);
      line.send(encodeResponse(METHOD.tcp, portPayload(1)), rawResponseHead(33, 2_047));
      await line.reject("limit", "published lengths of 2 and 2,047 bytes");
    },
  },
  {
    id: "setup-deadline",
    clauses: ["4.9"],
    rule: "Handshake and setup together take 10 s at most (by default); later comes `timeout`.",
    level: "must",
    slow: true,
    run: async (bench) => {
      const { setupMs } = bench.facts;
      const silent = await bench.connect();
      const late = await bench.connect();
      late.send(encodeHandshake(1, [METHOD.tcp]));
      await Promise.all(
        [silent, late].map(async (line) => {
          const startMs = performance.now();
          await line.reject("timeout", `nothing more came for ${setupMs} ms`, setupMs + 5_000);
          const tookMs = performance.now() - startMs;
          // It counts from the connection, which stood a little earlier.
          if (tookMs < setupMs * 0.8 - 100) {
            throw new Failed(
              `at least ${setupMs} ms for handshake and setup`,
              `a Reject after ${Math.round(tookMs)} ms`,
            );
          }
        }),
      );
    },
  },
];
