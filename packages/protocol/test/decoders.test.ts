import { describe, expect, test } from "vitest";
import { concatBytes } from "../src/bytes.ts";
import { ClientPacketDecoder } from "../src/client-packet-decoder.ts";
import { encodeAccept } from "../src/packets/accept.ts";
import { encodeClientObject } from "../src/packets/client-object.ts";
import { encodeHandshake } from "../src/packets/handshake.ts";
import { encodeHeartbeat } from "../src/packets/heartbeat.ts";
import { encodeRequest } from "../src/packets/request.ts";
import { encodeResponse } from "../src/packets/response.ts";
import { ServerPacketDecoder } from "../src/server-packet-decoder.ts";
import { decodePieces } from "./stream-pieces.ts";
import { updates } from "./update-packets.ts";

describe("options of the decoder of a server", () => {
  test.each([
    { known: 40, fault: undefined },
    { known: 41, fault: "limit" },
  ])("maxKnownMethods 40, n = $known", ({ known, fault }) => {
    const decoder = new ClientPacketDecoder({ maxKnownMethods: 40 });
    expect(decodePieces(decoder, [encodeHandshake(known, [])]).fault).toBe(fault);
  });

  test("admitResponse judges once, as soon as index and length are there", () => {
    const judged: number[][] = [];
    const decoder = new ClientPacketDecoder({ judge: { admitResponse: (...of) => judged.push(of) } });
    decoder.phase = "setup";
    const response = encodeResponse(7, new Uint8Array(100_000));
    decodePieces(decoder, [response.subarray(0, 15)]);
    expect(judged).toEqual([]);
    decodePieces(decoder, [response.subarray(15, 16)]);
    expect(judged).toEqual([[7, 100_000]]);
    expect(decodePieces(decoder, [response.subarray(16, 50), response.subarray(50)]).packets).toHaveLength(1);
    expect(judged).toHaveLength(1);
    decodePieces(decoder, [encodeResponse(8, new Uint8Array(1))]);
    expect(judged).toEqual([
      [7, 100_000],
      [8, 1],
    ]);
  });
});

describe("options of the decoder of a client", () => {
  test.each([
    { payloadBytes: 88, fault: undefined },
    { payloadBytes: 89, fault: "LEKT_PROTOCOL" },
  ])("maxObjectBytes 100, a payload of $payloadBytes bytes", ({ payloadBytes, fault }) => {
    const decoder = new ServerPacketDecoder({ maxObjectBytes: 100 });
    decoder.phase = "heartbeat";
    const object = encodeClientObject({
      ip: 1,
      methods: [{ index: 1, payload: new Uint8Array(payloadBytes) }],
    });
    const size = updates("added", [object], 0n).map((packet) => packet.subarray(0, 24));
    expect(decodePieces(decoder, size).fault).toBe(fault);
  });
});

describe("where the stream stands", () => {
  test("offset and buffered, from a client", () => {
    const decoder = new ClientPacketDecoder();
    decodePieces(decoder, [encodeHandshake(33, [33])]);
    expect([decoder.offset, decoder.buffered]).toEqual([20, 0]);
    decoder.phase = "heartbeat";
    decodePieces(decoder, [concatBytes([encodeHeartbeat(1n), encodeHeartbeat(2n).subarray(0, 5)])]);
    expect([decoder.offset, decoder.buffered]).toEqual([36, 5]);
    decodePieces(decoder, [encodeHeartbeat(2n).subarray(5)]);
    expect([decoder.offset, decoder.buffered]).toEqual([52, 0]);
  });

  test("offset, buffered and insidePacket, from a server", () => {
    const decoder = new ServerPacketDecoder();
    decodePieces(decoder, [encodeAccept(), encodeRequest(0)]);
    expect([decoder.offset, decoder.buffered, decoder.insidePacket]).toEqual([20, 0, false]);
    const [removed] = updates("removed", [new Uint8Array(4), new Uint8Array(4)], 0n) as [Uint8Array];
    decodePieces(decoder, [removed.subarray(0, 3)]);
    expect([decoder.offset, decoder.buffered, decoder.insidePacket]).toEqual([20, 3, true]);
    // Between two addresses nothing waits, but the packet goes on.
    decodePieces(decoder, [removed.subarray(3, 24)]);
    expect([decoder.offset, decoder.buffered, decoder.insidePacket]).toEqual([44, 0, true]);
    decodePieces(decoder, [removed.subarray(24)]);
    expect([decoder.offset, decoder.buffered, decoder.insidePacket]).toEqual([48, 0, false]);
  });
});

test("payloads are copies: a driver may read the next bytes into the same memory", () => {
  const memory = encodeResponse(7, Uint8Array.of(1, 2, 3));
  const decoder = new ClientPacketDecoder();
  decoder.phase = "setup";
  const { packets } = decodePieces(decoder, [memory]);
  memory.fill(0);
  expect(packets[0]).toMatchObject({ payload: Uint8Array.of(1, 2, 3) });

  const objects = encodeClientObject({ ip: 1, methods: [{ index: 1, payload: Uint8Array.of(4, 5) }] });
  const [added] = updates("added", [objects], 0n) as [Uint8Array];
  const client = new ServerPacketDecoder();
  client.phase = "heartbeat";
  const decoded = decodePieces(client, [added]);
  added.fill(0);
  expect(decoded.packets[1]).toMatchObject({ object: { methods: [{ payload: Uint8Array.of(4, 5) }] } });
});
