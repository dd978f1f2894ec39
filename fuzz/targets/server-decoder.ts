import {
  concatBytes,
  encodeAccept,
  encodeClientObject,
  encodeEndOfReply,
  encodeRequest,
  encodeSignal,
  encodeUtf8,
  encodeWord,
  LektError,
  MAX_OBJECT_BYTES,
  MAX_REJECT_BYTES,
  type ServerPacket,
  ServerPacketDecoder,
  type Version,
} from "@lekt/protocol";
import { naiveServerPackets } from "@lekt/testkit";
import { type FuzzInput, inputOf } from "../engine/fuzz-input.ts";
import { check, type FuzzTarget } from "../engine/fuzz-target.ts";
import { checkAgainstNaive, type Decoding, feed, type StreamDecoder } from "./decoding.ts";
import { streamSeeds } from "./vector-seeds.ts";

const MAX_WAITING_BYTES = Math.max(8 + MAX_REJECT_BYTES, 4 + MAX_OBJECT_BYTES);

export function serverDecoderTarget(
  name: string,
  makeDecoder: () => StreamDecoder<ServerPacket> = () => new ServerPacketDecoder(),
): FuzzTarget {
  const decode = (pieces: readonly Uint8Array[]): Decoding<ServerPacket> => {
    const decoder = makeDecoder();
    const isBounded = () => check(decoder.buffered <= MAX_WAITING_BYTES, `${decoder.buffered} bytes wait`);
    return feed(decoder, pieces, codeOf, () => {}, isBounded);
  };

  return {
    name,
    oracle:
      "equal to a naive decoder for any split, judged at the earliest byte, encoded anew the same bytes",
    takesSplits: true,
    takesCalls: false,
    maxBytes: 8_192,
    seeds,
    run: (input, note) => checkAgainstNaive(input, { decode, naive: naiveServerPackets, encode }, note),
  };
}

function codeOf(error: unknown): string {
  if (error instanceof LektError) return error.code;
  throw error;
}

/** The packet, or the piece of an update, as bytes: written field by field, as no server would send all of them. */
function encode(packet: ServerPacket): Uint8Array {
  switch (packet.type) {
    case "accept":
      return encodeAccept(packet.version);
    case "request":
      return encodeRequest(packet.method, packet.version);
    case "reject":
      return concatBytes([header("R", packet.version), encodeUtf8(packet.message), Uint8Array.of(0)]);
    case "added":
    case "removed": {
      const fields = new DataView(new ArrayBuffer(12));
      fields.setBigInt64(0, packet.timestamp);
      fields.setUint32(8, packet.count + (packet.type === "added" ? 0x4100_0000 : 0x5200_0000));
      return concatBytes([header("H", packet.version), new Uint8Array(fields.buffer)]);
    }
    case "signal":
      return encodeSignal(packet.identity, packet.payload, packet.version);
    case "client":
      return encodeClientObject(packet.object);
    case "address": {
      const ip = new DataView(new ArrayBuffer(4));
      ip.setUint32(0, packet.ip);
      return new Uint8Array(ip.buffer);
    }
  }
}

function header(type: string, version: Version): Uint8Array {
  return concatBytes([encodeUtf8(`LEKT${type}`), Uint8Array.of(version.major, version.minor, version.extra)]);
}

function seeds(): readonly FuzzInput[] {
  const accept = encodeAccept();
  const ready = concatBytes([accept, encodeRequest(1), encodeRequest(20), encodeRequest(0)]);
  const reply = concatBytes([encodeWord(26, new Uint8Array(0), 7), encodeEndOfReply(7n)]);
  const withSignals = concatBytes([accept, encodeRequest(19), encodeRequest(24), encodeRequest(0)]);
  const signals = [0, 1, 40].map((length) =>
    encodeSignal(new Uint8Array(32).fill(length), new Uint8Array(length)),
  );
  return [
    inputOf(concatBytes([withSignals, ...signals, reply])),
    inputOf(concatBytes([ready, reply, reply])),
    inputOf(concatBytes([ready, reply, reply]), undefined, [1, 9, 30, 61]),
    ...streamSeeds(
      "server to client",
      { handshake: new Uint8Array(0), setup: accept, heartbeat: ready },
      () => new Uint8Array(0),
    ),
  ];
}
