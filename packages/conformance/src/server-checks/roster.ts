import {
  formatIpv4,
  formatIpv6,
  METHOD,
  parseIpv4,
  payloadOf,
  pseudoAddress,
  rosterAddress,
  toHex,
} from "@lekt/protocol";
import { Failed, Skipped } from "../check.ts";
import { bytesOf, portPayload, u32 } from "../raw-packets.ts";
import { addedOf, removedOf } from "../roster-model.ts";
import type { ServerCheck } from "../server-bench.ts";
import { objectWords, packetWords } from "../server-packets.ts";

/** A packet of this size and more should not be sent (spec 5.10). */
const PACKET_BYTES = 65_536;
/** So many clients with so much each are more than one packet. */
const CROWD = 36;
const CROWD_BYTES = 2_000;

export const rosterChecks: readonly ServerCheck[] = [
  {
    id: "leave",
    clauses: ["5.2.2", "5.7"],
    rule: "The end of a client's stream is a leave, also where the client could still read.",
    level: "must",
    needs: [METHOD.tcp],
    run: async (bench) => {
      const [ada, bob] = await bench.pair();
      bob.line.socket.end();
      await ada.until([4_001], "the client with port 4002 has ended its stream");
    },
  },
  {
    id: "leave-reset",
    clauses: ["5.2.2"],
    rule: "A client whose connection breaks has left.",
    level: "must",
    needs: [METHOD.tcp],
    run: async (bench) => {
      const [ada, bob] = await bench.pair();
      bob.line.socket.resetAndDestroy();
      await ada.until([4_001], "the connection of the client with port 4002 was reset");
    },
  },
  {
    id: "leave-closes",
    clauses: ["5.2.2"],
    rule: "The server closes a connection whose client has ended its stream.",
    level: "must",
    run: async (bench) => {
      const { line } = await bench.member(4_001);
      line.socket.end();
      await line.end("the end of the server's stream");
    },
  },
  {
    id: "shared-address",
    clauses: ["5.8.1", "5.8.2", "5.8.4", "5.12.4", "5.7"],
    rule: "When somebody leaves a shared address, the reply removes the address and then adds each client that is there still.",
    level: "must",
    needs: [METHOD.tcp],
    run: async (bench) => {
      const ada = await bench.member(4_001);
      const leaving = await bench.member(4_002);
      await bench.member(4_003);
      await ada.until([4_001, 4_002, 4_003], "three have joined");
      leaving.line.close();
      const replies = await ada.until([4_001, 4_003], "the client with port 4002 has left");
      const update = replies.at(-1);
      const removed = update ? removedOf(update) : [];
      if (!removed.includes(ada.roster.byPort(4_001).ip)) {
        throw new Failed(
          "the shared address in a Removed packet",
          `removed: ${removed.map(formatIpv4).join(" ")}`,
        );
      }
    },
  },
  {
    id: "twins",
    clauses: ["5.8.1", "5.9.2"],
    rule: "Two clients that look the same are there twice, and one of them can leave.",
    level: "must",
    needs: [METHOD.tcp],
    run: async (bench) => {
      const ada = await bench.member(4_001);
      const twin = await bench.member(4_002);
      await bench.member(4_002);
      await ada.until([4_001, 4_002, 4_002], "two of three look the same");
      twin.line.close();
      await ada.until([4_001, 4_002], "one of the twins has left");
    },
  },
  {
    id: "object",
    clauses: ["5.6", "5.6.1", "5.6.2", "methods 1", "methods 7", "methods 33"],
    rule: "A client's object has the published methods that it set, with the payloads that it gave, in ascending order.",
    level: "must",
    needs: [METHOD.tcp],
    run: async (bench) => {
      const published = new Map(
        (
          [
            [METHOD.tcp, portPayload(4_001)],
            [METHOD.relay, new Uint8Array(0)],
            [9, Uint8Array.of(0, 255, 10)],
            [METHOD.identity, new Uint8Array(32).fill(5)],
            [METHOD.name, bytesOf("\ufeffada")],
            [METHOD.data, Uint8Array.of(1, 2, 3)],
            [40, bytesOf("forty")],
            [64, new Uint8Array(0)],
          ] as const
        ).filter(([method]) => bench.facts.asked.has(method)),
      );
      const ada = await bench.join([[METHOD.network, bench.network], ...published]);
      await ada.beat();
      const seen = ada.roster.byPort(4_001).methods.filter(({ index }) => index !== METHOD.ipv6);
      const text = (methods: Iterable<readonly [number, Uint8Array]>) =>
        [...methods].map(([index, payload]) => `${index}=${toHex(payload)}`).join(" ");
      const expected = text([...published].sort(([a], [b]) => a - b));
      const got = text(seen.map(({ index, payload }) => [index, payload] as const));
      if (got !== expected) throw new Failed(`an object of ${expected}`, got);
    },
  },
  {
    id: "private",
    clauses: ["5.6.2", "methods 17", "methods 18", "methods 22", "methods 26", "methods 27", "methods 28"],
    rule: "Private payloads are never sent on.",
    level: "must",
    needs: [METHOD.tcp],
    run: async (bench) => {
      const ada = await bench.member(4_001);
      await bench.member(4_002, [
        [METHOD.token, bytesOf("secret")],
        [METHOD.hold, u32(0)],
        [METHOD.server, new Uint8Array(0)],
        [METHOD.resume, new Uint8Array(0)],
        [METHOD.update, new Uint8Array(0)],
        [METHOD.session, new Uint8Array(0)],
      ]);
      await ada.beat();
      const object = ada.roster.byPort(4_002);
      if (object.methods.some(({ index }) => index !== METHOD.tcp && index !== METHOD.ipv6)) {
        throw new Failed("an object of method 1 alone", objectWords(object));
      }
    },
  },
  {
    id: "networks-apart",
    clauses: ["1.6", "2.4", "5.2.1", "methods 17"],
    rule: "Who is in another network is not seen, also where its name differs by one byte, by case or by its Unicode form.",
    level: "must",
    needs: [METHOD.tcp, METHOD.network],
    run: async (bench) => {
      const name = bytesOf(bench.network, "\u00e9A");
      const others = ["\u00e9a", "e\u0301A", "\u00e9", "\u00e9A "].map((end) => bytesOf(bench.network, end));
      for (const other of others)
        await bench.join([
          [METHOD.tcp, portPayload(4_002)],
          [METHOD.network, other],
        ]);
      const ada = await bench.join([
        [METHOD.tcp, portPayload(4_001)],
        [METHOD.network, name],
      ]);
      await ada.beat();
      ada.mustSee([4_001], "the others are in other networks");
    },
  },
  {
    id: "watch",
    clauses: ["5.2.1", "5.15.4", "methods 27"],
    rule: "A client with `watch` sees the roster and is not in it; nobody is told of it.",
    level: "must",
    needs: [METHOD.tcp, METHOD.watch],
    run: async (bench) => {
      const ada = await bench.member(4_001);
      await ada.beat();
      const watcher = await bench.member(4_002, [[METHOD.watch, new Uint8Array(0)]]);
      await watcher.beat("a reply to the watcher");
      watcher.mustSee([4_001], "the watcher has port 4002 and is not in the roster");
      const reply = await ada.beat();
      if (reply.updates.length > 0) {
        throw new Failed("no news: a watcher came", reply.updates.map(packetWords).join(", "));
      }
    },
  },
  {
    id: "last-at-address",
    clauses: ["5.7", "5.8.2", "5.8.5"],
    rule: "When nobody is left at an address, a Removed packet says so.",
    level: "must",
    needs: [METHOD.tcp, METHOD.watch],
    run: async (bench) => {
      const watchers = [await bench.watcher()];
      if (bench.facts.asked.has(METHOD.session)) {
        watchers.push(await bench.watcher([[METHOD.session, new Uint8Array(0)]]));
      }
      const ada = await bench.member(4_001);
      for (const watcher of watchers) await watcher.until([4_001], "one has joined");
      const { ip } = watchers[0]?.roster.byPort(4_001) ?? { ip: 0 };
      ada.line.close();
      for (const watcher of watchers) {
        const replies = await watcher.until([], "nobody is left");
        if (!replies.some((reply) => removedOf(reply).includes(ip))) {
          throw new Failed(
            `${formatIpv4(ip)} in a Removed packet`,
            replies.flatMap((r) => r.updates.map(packetWords)).join(", "),
          );
        }
      }
    },
  },
  {
    id: "packet-size",
    clauses: ["5.6.3", "5.10"],
    rule: "Long lists are split: every packet is shorter than 65,536 bytes.",
    level: "should",
    needs: [METHOD.tcp, METHOD.network, 33],
    run: async (bench) => {
      const ports = Array.from({ length: CROWD }, (_, i) => 4_001 + i);
      const crowd = await Promise.all(
        ports.map((port) => bench.member(port, [[33, new Uint8Array(CROWD_BYTES)]])),
      );
      const [ada] = crowd;
      const reply = await ada?.beat(`a reply with ${CROWD} objects of ${CROWD_BYTES} bytes`);
      ada?.mustSee(ports, "all of them have joined");
      const longest = Math.max(...(reply?.updates ?? []).map(({ byteLength }) => byteLength));
      if (longest >= PACKET_BYTES)
        throw new Failed(`packets below ${PACKET_BYTES} bytes`, `one of ${longest} bytes`);
    },
  },
  {
    id: "ip",
    clauses: ["5.12.1"],
    rule: "The IP of an object is the IPv4 address from which the client comes.",
    level: "must",
    needs: [METHOD.tcp],
    run: async (bench) => {
      const ada = await bench.member(4_001);
      const own = rosterAddress(ada.line.socket.localAddress ?? "");
      if (!own || own.ipv6) throw new Skipped("the server was reached by IPv6");
      await ada.beat();
      const { ip } = ada.roster.byPort(4_001);
      const isLoopback = own.ip >>> 24 === 127;
      // A router on the way may have given us another address.
      if (isLoopback && ip !== own.ip) throw new Failed(formatIpv4(own.ip), formatIpv4(ip));
      if (ip === 0 || ip >= 0xf0000000) throw new Failed("an IPv4 address", formatIpv4(ip));
    },
  },
  {
    id: "ipv6",
    clauses: ["5.12.2", "5.12.3", "methods 25"],
    rule: "A client that comes by IPv6 gets the pseudo address of its address, and method 25 with its 16 bytes.",
    level: "must",
    needs: [METHOD.tcp],
    run: async (bench) => {
      const isLoopback = bench.host === "localhost" || (parseIpv4(bench.host) ?? 0) >>> 24 === 127;
      const line = await bench.connect(isLoopback ? "::1" : bench.host).catch(() => {
        throw new Skipped("the server is not reached by IPv6");
      });
      const own = rosterAddress(line.socket.localAddress ?? "");
      if (!own?.ipv6) throw new Skipped("the server is not reached by IPv6");
      const ada = await bench.introduce(line, [
        [METHOD.tcp, portPayload(4_001)],
        [METHOD.network, bench.network],
        [METHOD.ipv6, new Uint8Array(16)],
      ]);
      const reply = await ada.beat();
      const object = addedOf(reply).find((each) => payloadOf(each, METHOD.tcp) !== undefined);
      const address = object && payloadOf(object, METHOD.ipv6);
      if (!object || address?.length !== 16) {
        throw new Failed("an object with 16 bytes of method 25", object ? objectWords(object) : "no object");
      }
      if (object.ip !== pseudoAddress(address)) {
        throw new Failed(
          `the pseudo address ${formatIpv4(pseudoAddress(address))} of ${formatIpv6(address)}`,
          formatIpv4(object.ip),
        );
      }
      if (isLoopback && toHex(address) !== toHex(own.ipv6)) {
        throw new Failed(formatIpv6(own.ipv6), formatIpv6(address));
      }
    },
  },
];
