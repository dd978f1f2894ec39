import { encodeHandshake, encodeResponse, METHOD } from "@lekt/protocol";
import { Failed } from "../check.ts";
import { bytesOf, portPayload, rawHandshake, rawHeader } from "../raw-packets.ts";
import type { ServerBench, ServerCheck } from "../server-bench.ts";
import { packetWords } from "../server-packets.ts";

/** Sends these bytes as the first ones of a connection and expects a Reject. */
function refused(bytes: Uint8Array, word: "malformed" | "limit" | "version", why: string) {
  return async (bench: ServerBench): Promise<void> => {
    const line = await bench.connect();
    line.send(bytes);
    await line.reject(word, why);
  };
}

/** The first Request for one of these bits. */
async function firstRequest(bench: ServerBench, known: number, words: readonly number[], method: number) {
  const line = await bench.connect();
  line.send(rawHandshake(known, words));
  await line.accept();
  await line.request(method);
}

export const handshakeChecks: readonly ServerCheck[] = [
  {
    id: "accept",
    clauses: ["1.1", "1.2", "3.1", "3.2", "3.7", "2.3", "3.8.1", "3.8.2"],
    rule: "A Handshake is answered by an Accept with the server's version, major 1.",
    level: "must",
    run: async (bench) => {
      await (await bench.connect()).greet(1, [METHOD.tcp]);
    },
  },
  {
    id: "version-minor",
    clauses: ["1.3.2", "1.3.4"],
    rule: "Another minor and extra version of the client is no error, and the Accept has the server's own version.",
    level: "must",
    run: async (bench) => {
      const accepts = await Promise.all(
        [
          [1, 0, 0],
          [1, 203, 77],
        ].map(async (version) => {
          const line = await bench.connect();
          line.send(rawHandshake(1, [1], version));
          return packetWords(await line.next("an Accept"));
        }),
      );
      if (accepts[0] !== accepts[1])
        throw new Failed(`${accepts[0]}, whatever the client's minor is`, accepts[1] ?? "");
    },
  },
  {
    id: "version-major",
    clauses: ["1.3.2", "6.3"],
    rule: "A Handshake with another major version gets a Reject `version` that names both versions.",
    level: "must",
    run: async (bench) => {
      const line = await bench.connect();
      line.send(rawHandshake(1, [1], [2, 7, 9]));
      const { message } = await line.reject("version", "the client's version is 2.7.9");
      const named = message.match(/\b1\.\d+\.\d+/);
      if (!named || !message.includes("2.7.9")) {
        throw new Failed("a message that names both versions, 1.x.y and 2.7.9", JSON.stringify(message));
      }
    },
  },
  {
    id: "version-judged-early",
    clauses: ["1.3.2", "6.1.2", "6.2"],
    rule: "Another major version is refused when the 8 bytes of the header are there.",
    level: "must",
    run: refused(rawHeader("H", [2, 0, 0]), "version", "nothing but a header of major version 2 was sent"),
  },
  {
    id: "type-before-version",
    clauses: ["1.3.2"],
    rule: "A wrong type is `malformed`, whatever the version.",
    level: "must",
    run: refused(rawHeader("Q", [2, 0, 0]), "malformed", "the type Q does not exist"),
  },
  {
    id: "magic",
    clauses: ["1.2", "1.5.1", "1.5.3"],
    rule: "A wrong magic is `malformed`.",
    level: "must",
    run: refused(bytesOf("LEKS", rawHandshake(1, [1]).subarray(4)), "malformed", "the magic is LEKS"),
  },
  {
    id: "magic-early",
    clauses: ["1.5.2"],
    rule: "The magic is judged byte by byte.",
    level: "should",
    run: refused(bytesOf("LX"), "malformed", "LX is no beginning of LEKT"),
  },
  {
    id: "reserved-first-bytes",
    clauses: ["1.5.5", "2.3", "10"],
    rule: "The reserved first bytes 47 and 16 (hex) are a wrong magic as yet.",
    level: "must",
    run: async (bench) => {
      await refused(
        bytesOf("GET / HTTP/1.1\r\nHost: lekt\r\n\r\n"),
        "malformed",
        "it begins like HTTP",
      )(bench);
      await refused(Uint8Array.of(0x16, 3, 1, 0, 5, 1, 0, 0, 1, 3), "malformed", "it begins like TLS")(bench);
    },
  },
  {
    id: "first-packet",
    clauses: ["1.2", "1.5.1", "3.1"],
    rule: "The first packet is a Handshake; another type is `malformed`.",
    level: "must",
    run: async (bench) => {
      await refused(encodeResponse(1, portPayload(1)), "malformed", "the first packet is a Response")(bench);
      await refused(rawHeader("A"), "malformed", "the first packet is an Accept")(bench);
    },
  },
  {
    id: "bit-order",
    clauses: ["1.1", "3.3"],
    rule: "Method 1 is the least significant bit of word 0, which is big-endian.",
    level: "must",
    needs: [METHOD.tcp],
    run: async (bench) => firstRequest(bench, 32, [1], METHOD.tcp),
  },
  {
    id: "word-order",
    clauses: ["3.3"],
    rule: "Method 33 is the least significant bit of word 1.",
    level: "must",
    needs: [33],
    run: async (bench) => firstRequest(bench, 64, [0, 1], 33),
  },
  {
    id: "bits-past-n",
    clauses: ["3.4"],
    rule: "A bit past n is `malformed`.",
    level: "must",
    run: async (bench) => {
      await refused(rawHandshake(20, [1 << 20]), "malformed", "n is 20, the bit of method 21 is set")(bench);
      await refused(rawHandshake(33, [1, 2]), "malformed", "n is 33, the bit of method 34 is set")(bench);
    },
  },
  {
    id: "no-methods",
    clauses: ["2.4", "3.5", "5.6.1", "5.12.1"],
    rule: "n = 0 is legal: the client is in the default network as an IP and nothing more, or the server has none (`auth`).",
    level: "must",
    run: async (bench) => {
      const line = await bench.connect();
      line.send(rawHandshake(0, []));
      await line.accept();
      const packet = await line.next("the zero request, or a Reject `auth`");
      if (packet.type === "reject" && packet.word === "auth") return;
      if (packet.type !== "request" || packet.method !== 0) {
        throw new Failed("the zero request, or a Reject `auth`", packetWords(packet));
      }
      line.heartbeat();
      const { updates } = await line.reply("the first reply");
      const objects = updates.flatMap((update) => (update.type === "added" ? update.objects : []));
      const isBare = ({ methods }: (typeof objects)[number]) =>
        methods.every(({ index }) => index === METHOD.ipv6);
      if (!objects.some(isBare))
        throw new Failed("an object of an IP alone", `${objects.length} other objects`);
    },
  },
  {
    id: "known-methods-1024",
    clauses: ["3.6"],
    rule: "n is taken up to 1,024 (by default).",
    level: "should",
    run: async (bench) => {
      await (await bench.connect()).greet(1_024, [METHOD.tcp]);
    },
  },
  {
    id: "known-methods-limit",
    clauses: ["1.4.3", "3.6"],
    rule: "An n past the limit is refused with `limit` as soon as it is read.",
    level: "must",
    run: refused(
      rawHandshake(0xffffffff, []),
      "limit",
      "n is 4,294,967,295, and no word of the bitfield follows",
    ),
  },
  {
    id: "byte-by-byte",
    clauses: ["1.4.1", "1.4.2"],
    rule: "The stream is understood one byte at a time.",
    level: "must",
    run: async (bench) => {
      const line = await bench.connect();
      const offers = new Map<number, Uint8Array>([
        [METHOD.tcp, portPayload(4_001)],
        [METHOD.network, bench.network],
      ]);
      await line.sendByteByByte(encodeHandshake(17, offers.keys()));
      await line.accept();
      for (;;) {
        const packet = await line.next("a Request");
        if (packet.type !== "request") throw new Failed("a Request", packetWords(packet));
        if (packet.method === 0) break;
        await line.sendByteByByte(
          encodeResponse(packet.method, offers.get(packet.method) ?? new Uint8Array(0)),
        );
      }
      await line.sendByteByByte(bytesOf(rawHeader("H"), new Uint8Array(8)));
      await line.reply("the first reply");
    },
  },
  {
    id: "packets-joined",
    clauses: ["1.4.2", "5.4.4", "5.14.1"],
    rule: "Several packets in one segment are each understood: three Heartbeats get three replies.",
    level: "must",
    run: async (bench) => {
      const { line } = await bench.member(4_001);
      line.send(bytesOf(...[1, 2, 3].flatMap(() => [rawHeader("H"), new Uint8Array(8)])));
      for (const nth of ["first", "second", "third"]) await line.reply(`the ${nth} reply`);
      await line.quiet("three replies to three Heartbeats, no more", 200);
    },
  },
];
