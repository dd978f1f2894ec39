import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { concatBytes } from "../src/bytes.ts";
import { type ClientPacket, ClientPacketDecoder } from "../src/client-packet-decoder.ts";
import { ipv4Bytes } from "../src/ip.ts";
import { encodeAccept } from "../src/packets/accept.ts";
import { decodeClientObject, encodeClientObject, payloadOf } from "../src/packets/client-object.ts";
import { encodeHandshake } from "../src/packets/handshake.ts";
import { encodeHeartbeat } from "../src/packets/heartbeat.ts";
import { encodeReject } from "../src/packets/reject.ts";
import { encodeRequest } from "../src/packets/request.ts";
import { encodeResponse } from "../src/packets/response.ts";
import { encodeSignal } from "../src/packets/signal.ts";
import { encodeEndOfReply } from "../src/packets/update.ts";
import { REJECT_WORDS } from "../src/reject-words.ts";
import { type ServerPacket, ServerPacketDecoder, type ServerPhase } from "../src/server-packet-decoder.ts";
import { PROTOCOL_VERSION } from "../src/version.ts";
import {
  bitfield,
  clientObject,
  i64,
  identity,
  ownVersion,
  payload,
  u32,
  version,
} from "./packet-arbitraries.ts";
import { decodePieces } from "./stream-pieces.ts";
import { updates } from "./update-packets.ts";

function fromClient(phase: ServerPhase, bytes: Uint8Array, takesSignals = false): ClientPacket[] {
  const decoder = new ClientPacketDecoder();
  decoder.takesSignals = takesSignals;
  decoder.phase = phase;
  return decodePieces<ClientPacket>(decoder, [bytes]).packets;
}

function fromServer(phase: ServerPhase, bytes: Uint8Array, takesSignals = false): ServerPacket[] {
  const decoder = new ServerPacketDecoder();
  decoder.takesSignals = takesSignals;
  decoder.phase = phase;
  return decodePieces<ServerPacket>(decoder, [bytes]).packets;
}

describe("encoded, then decoded", () => {
  test("handshake", () => {
    fc.assert(
      fc.property(bitfield, ownVersion, ({ known, methods }, version) => {
        const packet = { type: "handshake", version, known, methods: known === 0 ? [] : methods };
        expect(fromClient("handshake", encodeHandshake(known, packet.methods, version))).toEqual([packet]);
      }),
    );
  });

  test("response", () => {
    fc.assert(
      fc.property(u32, payload, version, (method, payload, version) => {
        const packet = { type: "response", version, method, payload };
        expect(fromClient("setup", encodeResponse(method, payload, version))).toEqual([packet]);
      }),
    );
  });

  test("heartbeat", () => {
    fc.assert(
      fc.property(i64, version, (timestamp, version) => {
        const packet = { type: "heartbeat", version, timestamp };
        expect(fromClient("heartbeat", encodeHeartbeat(timestamp, version))).toEqual([packet]);
      }),
    );
  });

  test("signal, both ways", () => {
    const some = fc.uint8Array({ minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(identity, some, version, (identity, payload, version) => {
        const packet = { type: "signal", version, identity, payload };
        const bytes = encodeSignal(identity, payload, version);
        expect(fromClient("heartbeat", bytes, true)).toEqual([packet]);
        expect(fromServer("heartbeat", bytes, true)).toEqual([packet]);
      }),
    );
  });

  test("accept and request", () => {
    fc.assert(
      fc.property(u32, ownVersion, version, (method, own, version) => {
        expect(fromServer("handshake", encodeAccept(own))).toEqual([{ type: "accept", version: own }]);
        const request = { type: "request", version, method };
        expect(fromServer("setup", encodeRequest(method, version))).toEqual([request]);
      }),
    );
  });

  test("reject", () => {
    const text = fc.string({ unit: "binary", maxLength: 60 }).map((text) => text.replaceAll("\0", " "));
    fc.assert(
      fc.property(fc.constantFrom(...REJECT_WORDS), text, version, (word, text, version) => {
        const packet = { type: "reject", version, word, message: `${word}: ${text}` };
        expect(fromServer("handshake", encodeReject(word, text, version))).toEqual([packet]);
      }),
    );
  });

  test("added, with its objects", () => {
    fc.assert(
      fc.property(fc.array(clientObject, { minLength: 1, maxLength: 5 }), i64, (objects, timestamp) => {
        const bytes = concatBytes(
          updates(
            "added",
            objects.map((object) => encodeClientObject(object)),
            timestamp,
          ),
        );
        expect(fromServer("heartbeat", bytes)).toEqual([
          { type: "added", version: PROTOCOL_VERSION, timestamp, count: objects.length },
          ...objects.map((object) => ({ type: "client", object })),
        ]);
      }),
    );
  });

  test("removed, with its addresses, and the end of a reply", () => {
    fc.assert(
      fc.property(fc.array(u32, { minLength: 1, maxLength: 5 }), i64, (ips, timestamp) => {
        const bytes = concatBytes([
          ...updates("removed", ips.map(ipv4Bytes), timestamp),
          encodeEndOfReply(timestamp),
        ]);
        expect(fromServer("heartbeat", bytes)).toEqual([
          { type: "removed", version: PROTOCOL_VERSION, timestamp, count: ips.length },
          ...ips.map((ip) => ({ type: "address", ip })),
          { type: "added", version: PROTOCOL_VERSION, timestamp, count: 0 },
        ]);
      }),
    );
  });

  test("client object", () => {
    fc.assert(
      fc.property(clientObject, fc.nat(9), (object, before) => {
        const bytes = concatBytes([new Uint8Array(before), encodeClientObject(object), Uint8Array.of(1)]);
        expect(decodeClientObject(bytes, before + 4, bytes.length - before - 5)).toEqual(object);
        for (const { index, payload } of object.methods) expect(payloadOf(object, index)).toBe(payload);
      }),
    );
    expect(payloadOf({ ip: 1, methods: [] }, 1)).toBeUndefined();
  });
});

describe("a handshake with a method that is not known", () => {
  test.each([0, 21, 1.5, -1, Number.NaN])("%d of 20", (method) => {
    expect(() => encodeHandshake(20, [method])).toThrow(RangeError);
  });
});

describe("a Reject's message", () => {
  test.each([
    { character: "x", bytes: 1 },
    { character: "é", bytes: 2 },
    { character: "さ", bytes: 3 },
    { character: "👋", bytes: 4 },
  ])("of $character is cut between two characters, and not too short", ({ character, bytes }) => {
    const packet = encodeReject("limit", character.repeat(5_000));
    const [reject] = fromServer("heartbeat", packet);
    expect(reject).toMatchObject({
      word: "limit",
      message: expect.stringMatching(`^limit: (${character})+$`),
    });
    expect(packet.length).toBeLessThanOrEqual(8 + 1_024);
    expect(packet.length).toBeGreaterThan(8 + 1_024 - 2 * bytes - 1);
  });

  test("that just fits is left whole; one byte more is cut", () => {
    const fits = "x".repeat(1_023 - "limit: ".length);
    expect(encodeReject("limit", fits)).toHaveLength(8 + 1_024);
    expect(fromServer("heartbeat", encodeReject("limit", `${fits}y`))).toMatchObject([
      { message: `limit: ${fits}` },
    ]);
  });

  test("has no NUL but the one that ends it", () => {
    expect(fromServer("heartbeat", encodeReject("kicked", "a\0b"))).toMatchObject([
      { message: "kicked: a b" },
    ]);
  });

  test.each(["limit", "limit:", "limit:x", "Limit: x", "limits: x", " limit: x", "", "x: limit: y"])(
    "%j begins with no known word",
    (message) => {
      const packet = concatBytes([encodeReject("limit", "").subarray(0, 8), Buffer.from(`${message}\0`)]);
      expect(fromServer("heartbeat", packet)).toMatchObject([{ message, word: "unknown" }]);
    },
  );
});

describe("long lists", () => {
  test("go over several packets of at most 32,768 bytes, none nearly empty, in order", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 8, max: 9_000 }), { minLength: 1, maxLength: 40 }), (sizes) => {
        const entries = sizes.map((size, i) => new Uint8Array(size).fill(i));
        const packets = updates("added", entries, 0n);
        const list = concatBytes(packets.map((packet) => packet.subarray(20)));
        expect(Buffer.compare(list, concatBytes(entries))).toBe(0);
        for (const [i, packet] of packets.entries()) {
          expect(packet.length).toBeLessThanOrEqual(32_768);
          const following = entries[countOf(packets.slice(0, i + 1))];
          if (following) expect(packet.length + following.length).toBeGreaterThan(32_768);
        }
      }),
      { numRuns: 50 },
    );
  });

  test.each([
    { count: 8_187, packets: 1 },
    { count: 8_188, packets: 2 },
  ])("$count addresses: $packets", ({ count, packets }) => {
    const encoded = updates("removed", new Array<Uint8Array>(count).fill(new Uint8Array(4)), 0n);
    expect(encoded).toHaveLength(packets);
    expect(countOf(encoded)).toBe(count);
  });

  test("an entry longer than that gets a packet of its own; nothing gives no packet", () => {
    const entries = [8, 40_000, 8].map((size) => new Uint8Array(size));
    expect(updates("added", entries, 0n).map((packet) => packet.length)).toEqual([28, 40_020, 28]);
    expect(updates("added", [], 0n)).toEqual([]);
  });
});

function countOf(packets: readonly Uint8Array[]): number {
  return packets.reduce((sum, packet) => sum + Buffer.from(packet).readUIntBE(17, 3), 0);
}
