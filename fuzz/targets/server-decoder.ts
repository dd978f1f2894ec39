import {
  concatBytes,
  encodeAccept,
  encodeClientObject,
  encodeEndOfReply,
  encodeRequest,
  encodeUtf8,
  encodeWord,
  equalBytes,
  LektError,
  MAX_OBJECT_BYTES,
  MAX_REJECT_BYTES,
  type ServerPacket,
  ServerPacketDecoder,
  type Version,
} from "@lekt/protocol";
import { type FuzzInput, inputOf, piecesOf } from "../engine/fuzz-input.ts";
import { check, type FuzzTarget, type Note } from "../engine/fuzz-target.ts";
import { isSame } from "../models/equality.ts";
import { naiveServerPackets } from "../models/naive-decoder.ts";
import { type Decoding, feed, type StreamDecoder, singleBytes } from "./decoding.ts";
import { streamSeeds } from "./vector-seeds.ts";

const MAX_WAITING_BYTES = Math.max(8 + MAX_REJECT_BYTES, 4 + MAX_OBJECT_BYTES);
const SINGLE_BYTES_UP_TO = 400;

export function serverDecoderTarget(
  name: string,
  makeDecoder: () => StreamDecoder<ServerPacket> = () => new ServerPacketDecoder(),
): FuzzTarget {
  const decode = (pieces: readonly Uint8Array[]): Decoding<ServerPacket> => {
    const decoder = makeDecoder();
    const isBounded = () => check(decoder.buffered <= MAX_WAITING_BYTES, `${decoder.buffered} bytes wait`);
    return feed(decoder, pieces, codeOf, () => {}, isBounded);
  };

  const run = (input: FuzzInput, note: Note) => {
    const { bytes } = input;
    const naive = naiveServerPackets(bytes);
    const decoded = decode(piecesOf(input));
    note(`${decoded.packets.map(({ type }) => type.slice(0, 3)).slice(0, 6)} ${decoded.fault}`);
    check(decoded.fault === naive.fault, `fault ${decoded.fault}, by the naive decoder ${naive.fault}`);
    check(isSame(decoded.packets, naive.packets), "other packets than the naive decoder's");
    const encoded = concatBytes(decoded.packets.map(encode));
    check(equalBytes(encoded, bytes.subarray(0, decoded.offset)), "encoded anew the packets are other bytes");
    if (bytes.length > SINGLE_BYTES_UP_TO) return;
    const single = decode(singleBytes(bytes));
    check(
      isSame(single.packets, naive.packets) && single.fault === naive.fault,
      "byte by byte it is another stream",
    );
    if (single.fault === undefined) return;
    const before = naiveServerPackets(bytes.subarray(0, single.given - 1)).fault;
    const then = naiveServerPackets(bytes.subarray(0, single.given)).fault;
    check(then === single.fault, `byte ${single.given - 1} is judged too early`);
    // Sizes are judged before what they announce comes; other fields at their last byte (spec 1.4.3, 1.5.2).
    check(before === undefined, `byte ${single.given - 1} is judged too late`);
  };

  return {
    name,
    oracle:
      "equal to a naive decoder for any split, judged at the earliest byte, encoded anew the same bytes",
    takesSplits: true,
    takesCalls: false,
    maxBytes: 8_192,
    seeds,
    run,
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
  return [
    inputOf(concatBytes([ready, reply, reply])),
    inputOf(concatBytes([ready, reply, reply]), undefined, [1, 9, 30, 61]),
    ...streamSeeds(
      "server to client",
      { handshake: new Uint8Array(0), setup: accept, heartbeat: ready },
      () => new Uint8Array(0),
    ),
  ];
}
