import { encodeHeartbeat, encodeResponse, METHOD } from "@lekt/protocol";
import { Failed } from "../check.ts";
import { bytesOf, portPayload, rawHeader, rawResponseHead } from "../raw-packets.ts";
import { QUIET_MS, type ServerCheck } from "../server-bench.ts";
import { packetWords } from "../server-packets.ts";

/** A server's clock may be wrong, but by a day it is none. */
const CLOCK_SECONDS = 86_400;

export const heartbeatChecks: readonly ServerCheck[] = [
  {
    id: "first-reply",
    clauses: ["5.1", "5.2.1", "5.3", "5.4.1", "5.5", "5.15.1"],
    rule: "The first reply brings everybody, the client itself included, and ends with an Added packet of count 0.",
    level: "must",
    needs: [METHOD.tcp],
    run: async (bench) => {
      await bench.member(4_001);
      const bob = await bench.member(4_002);
      await bob.beat("the first reply");
      bob.mustSee([4_001, 4_002], "both have been sent the zero request");
    },
  },
  {
    id: "empty-reply",
    clauses: ["5.4.1"],
    rule: "Where nothing changed the reply is one packet of 20 bytes.",
    level: "must",
    run: async (bench) => {
      const ada = await bench.member(4_001);
      await ada.beat();
      const before = ada.line.receivedBytes;
      const reply = await ada.beat();
      const bytes = ada.line.receivedBytes - before;
      if (reply.updates.length > 0 || bytes !== 20) {
        throw new Failed(
          "20 bytes: the end of the reply",
          `${bytes} bytes: ${reply.updates.map(packetWords).join(", ")}`,
        );
      }
    },
  },
  {
    id: "one-reply-each",
    clauses: ["5.4.4", "5.14.1"],
    rule: "Each Heartbeat gets one reply, also where several are outstanding.",
    level: "must",
    run: async (bench) => {
      const { line } = await bench.member(4_001);
      for (let i = 0; i < 5; i++) line.heartbeat();
      for (let i = 1; i <= 5; i++) await line.reply(`reply ${i} of 5`);
      await line.quiet("no sixth reply to five Heartbeats", QUIET_MS);
    },
  },
  {
    id: "news-join",
    clauses: ["5.2.1", "5.4.2", "5.8.3"],
    rule: "A reply holds every join up to the time at which its Heartbeat was read, and nothing that was told before.",
    level: "must",
    needs: [METHOD.tcp],
    run: async (bench) => {
      const ada = await bench.member(4_001);
      await ada.beat();
      for (const port of [4_002, 4_003, 4_004]) {
        await bench.member(port);
        await ada.beat();
        ada.mustSee(
          Array.from({ length: port - 4_000 }, (_, i) => 4_001 + i),
          `the client with port ${port} has joined`,
        );
      }
    },
  },
  {
    id: "timestamp-any",
    clauses: ["5.1", "5.11"],
    rule: "Every time stamp in a Heartbeat is legal.",
    level: "must",
    run: async (bench) => {
      const { line } = await bench.member(4_001);
      for (const timestamp of [-(2n ** 63n), 2n ** 63n - 1n, -1n, 0n]) {
        line.heartbeat(timestamp);
        await line.reply(`a reply to a Heartbeat of the time ${timestamp}`);
      }
    },
  },
  {
    id: "timestamp-own",
    clauses: ["5.11"],
    rule: "The end of a reply carries the time of sending in Unix seconds.",
    level: "should",
    run: async (bench) => {
      const { end } = await (await bench.member(4_001)).beat();
      const now = Math.floor(Date.now() / 1_000);
      if (Math.abs(Number(end.timestamp) - now) > CLOCK_SECONDS) {
        throw new Failed(`about ${now}, as our clock says`, String(end.timestamp));
      }
    },
  },
  {
    id: "version-later",
    clauses: ["1.3.1"],
    rule: "The version is ignored in later packets.",
    level: "must",
    needs: [METHOD.tcp],
    run: async (bench) => {
      const line = await bench.connect();
      await line.greet(1, [METHOD.tcp]);
      await line.request(METHOD.tcp);
      const version = { major: 9, minor: 9, extra: 9 };
      line.send(encodeResponse(METHOD.tcp, portPayload(4_001), version));
      await line.request(0, "the zero request: a Response of version 9.9.9 is as good as others");
      line.send(encodeHeartbeat(0n, version));
      await line.reply("a reply to a Heartbeat of version 9.9.9");
    },
  },
  {
    id: "heartbeat-type",
    clauses: ["1.2", "1.5.1", "1.5.3"],
    rule: "In the heartbeat phase a type that does not exist, one of the other direction, and a wrong magic are `malformed`.",
    level: "must",
    run: async (bench) => {
      for (const [bytes, why] of [
        [rawHeader("Z"), "a packet of type Z"],
        [rawHeader("A"), "an Accept from a client"],
        [bytesOf("LEKS"), "the magic LEKS"],
      ] as const) {
        const { line } = await bench.member(4_001);
        line.send(bytes);
        await line.reject("malformed", `${why} came in the heartbeat phase`);
      }
    },
  },
  {
    id: "stray-answer",
    clauses: ["4.8"],
    rule: "A Response for index 0 in the heartbeat phase is ignored: no reply, no error.",
    level: "must",
    run: async (bench) => {
      const { line } = await bench.member(4_001);
      line.send(encodeResponse(0, bytesOf("hello")));
      await line.quiet("nothing after a Response for index 0", QUIET_MS);
      line.send(encodeResponse(0, new Uint8Array(0)));
      line.heartbeat();
      await line.reply("a reply to the Heartbeat behind it");
      await line.quiet("one reply to one Heartbeat", QUIET_MS);
    },
  },
  {
    id: "stray-answer-limit",
    clauses: ["1.4.3", "4.8"],
    rule: "The limit of one payload holds for a Response for index 0, too.",
    level: "must",
    run: async (bench) => {
      const { line } = await bench.member(4_001);
      line.send(rawResponseHead(0, 0xffffffff));
      await line.reject("limit", "a length of 4,294,967,295 was sent, and no payload");
    },
  },
  {
    id: "heartbeat-burst",
    clauses: ["5.14.2"],
    rule: "A burst of 40 Heartbeats is taken (by default).",
    level: "should",
    run: async (bench) => {
      const { line } = await bench.member(4_001);
      for (let i = 0; i < 40; i++) line.heartbeat();
      for (let i = 1; i <= 40; i++) await line.reply(`reply ${i} of 40`);
    },
  },
  {
    id: "heartbeat-rate",
    clauses: ["5.14.2"],
    rule: "Who sends many more Heartbeats than 20 a second is refused with `rate` (by default).",
    level: "should",
    run: async (bench) => {
      const { line } = await bench.member(4_001);
      line.send(...Array.from({ length: 400 }, () => encodeHeartbeat(0n)));
      await line.reject("rate", "400 Heartbeats came at once");
    },
  },
  {
    id: "silence",
    clauses: ["4.8", "5.15.2"],
    rule: "A client that sends no Heartbeat for three intervals is dropped (`timeout`), and not before.",
    level: "must",
    slow: true,
    run: async (bench) => {
      const silenceMs = 3 * bench.facts.heartbeatMs;
      const mute = await bench.member(4_001);
      const stray = await bench.member(4_002);
      await stray.beat();
      await Promise.all(
        [mute, stray].map(async ({ line }) => {
          const startMs = performance.now();
          const strays = setInterval(
            () => line === stray.line && line.send(encodeResponse(0, new Uint8Array(0))),
            silenceMs / 5,
          );
          try {
            await line.reject("timeout", `no Heartbeat came for ${silenceMs} ms`, silenceMs * 1.2 + 5_000);
          } finally {
            clearInterval(strays);
          }
          const tookMs = performance.now() - startMs;
          if (tookMs < silenceMs * 0.9 - 100) {
            throw new Failed(`at least ${silenceMs} ms`, `a Reject after ${Math.round(tookMs)} ms`);
          }
        }),
      );
    },
  },
];
