import { type Decoded, naiveClientPackets, naiveServerPackets } from "@lekt/testkit";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { concatBytes } from "../src/bytes.ts";
import { type ClientPacket, ClientPacketDecoder } from "../src/client-packet-decoder.ts";
import { encodeCircuit } from "../src/packets/circuit.ts";
import { type ServerPacket, ServerPacketDecoder } from "../src/server-packet-decoder.ts";
import { clientStream, damaged, noise, serverStream } from "./packet-arbitraries.ts";
import { cutAt, decodePieces } from "./stream-pieces.ts";

const cuts = fc.array(fc.nat(), { maxLength: 8 });

function fastClientPackets(pieces: readonly Uint8Array[], asked: number): Decoded<ClientPacket> {
  const decoder = new ClientPacketDecoder();
  let unanswered = asked;
  return decodePieces<ClientPacket>(decoder, pieces, ({ type }) => {
    if (type !== "circuit" && unanswered-- === 0) decoder.phase = "heartbeat";
  });
}

describe("from a client", () => {
  const check = (stream: fc.Arbitrary<{ bytes: Uint8Array; asked: number }>, numRuns: number) =>
    fc.assert(
      fc.property(stream, cuts, ({ bytes, asked }, places) => {
        expect(fastClientPackets(cutAt(bytes, places), asked)).toEqual(naiveClientPackets(bytes, asked));
      }),
      { numRuns },
    );

  test("what keeps the rules, in any pieces", () => {
    fc.assert(
      fc.property(clientStream, cuts, ({ bytes, asked }, places) => {
        const fast = fastClientPackets(cutAt(bytes, places), asked);
        expect(fast.fault).toBeUndefined();
        expect(fast).toEqual(naiveClientPackets(bytes, asked));
      }),
      { numRuns: 300 },
    );
  });

  test("damaged streams, in any pieces", () => {
    const damagedStream = clientStream.chain(({ bytes, asked }) =>
      damaged(fc.constant(bytes)).map((broken) => ({ bytes: broken, asked })),
    );
    check(damagedStream, 1_500);
  });

  test("a circuit, and what it carries, in any pieces", () => {
    const circuit = fc
      .tuple(fc.uint8Array({ minLength: 32, maxLength: 32 }), noise)
      .map(([token, carried]) => ({ bytes: concatBytes([encodeCircuit(token), carried]), asked: 0 }));
    check(circuit, 300);
  });

  test("noise, in any pieces", () => check(fc.record({ bytes: noise, asked: fc.nat(2) }), 1_500));
});

describe("from a server", () => {
  const fast = (pieces: readonly Uint8Array[]) =>
    decodePieces<ServerPacket>(new ServerPacketDecoder(), pieces);
  const check = (stream: fc.Arbitrary<Uint8Array>, numRuns: number) =>
    fc.assert(
      fc.property(stream, cuts, (bytes, places) => {
        expect(fast(cutAt(bytes, places))).toEqual(naiveServerPackets(bytes));
      }),
      { numRuns },
    );

  test("what keeps the rules, in any pieces", () => {
    fc.assert(
      fc.property(serverStream, cuts, (bytes, places) => {
        const decoded = fast(cutAt(bytes, places));
        expect(decoded.fault).toBeUndefined();
        expect(decoded).toEqual(naiveServerPackets(bytes));
      }),
      { numRuns: 300 },
    );
  });

  test("damaged streams, in any pieces", () => check(damaged(serverStream), 1_500));

  test("noise, in any pieces", () => check(noise, 1_500));
});
