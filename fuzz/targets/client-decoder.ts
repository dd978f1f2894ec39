import {
  type ClientPacket,
  ClientPacketDecoder,
  type ClientPhase,
  concatBytes,
  encodeCircuit,
  encodeHandshake,
  encodeHeartbeat,
  encodeResponse,
  encodeSignal,
  ProtocolError,
} from "@lekt/protocol";
import { naiveClientPackets } from "@lekt/testkit";
import { type FuzzInput, inputOf } from "../engine/fuzz-input.ts";
import { check, type FuzzTarget, type Note } from "../engine/fuzz-target.ts";
import { checkAgainstNaive, type Decoding, feed, type StreamDecoder } from "./decoding.ts";
import { streamSeeds } from "./vector-seeds.ts";

/** The largest packet that waits to be whole: the longest signal. */
const MAX_WAITING_BYTES = 44 + 16_384;

export interface ClientDecoder extends StreamDecoder<ClientPacket> {
  phase: ClientPhase;
}

/** `calls[0]` says how many answers the server waits for. */
export function clientDecoderTarget(
  name: string,
  makeDecoder: () => ClientDecoder = () => new ClientPacketDecoder(),
): FuzzTarget {
  const decode = (pieces: readonly Uint8Array[], asked: number): Decoding<ClientPacket> => {
    const decoder = makeDecoder();
    let unanswered = asked;
    return feed(
      decoder,
      pieces,
      wordOf,
      ({ type }) => {
        if (type !== "circuit" && unanswered-- === 0) decoder.phase = "heartbeat";
      },
      () => check(decoder.buffered <= MAX_WAITING_BYTES, `${decoder.buffered} bytes wait`),
    );
  };

  const run = (input: FuzzInput, note: Note) => {
    const asked = (input.calls[0] ?? 0) % 5;
    const decoders = {
      decode: (pieces: readonly Uint8Array[]) => decode(pieces, asked),
      naive: (bytes: Uint8Array) => naiveClientPackets(bytes, asked),
      encode,
    };
    checkAgainstNaive(input, decoders, note);
  };

  return {
    name,
    oracle:
      "equal to a naive decoder for any split, judged at the earliest byte, encoded anew the same bytes",
    takesSplits: true,
    takesCalls: true,
    maxBytes: 8_192,
    seeds,
    run,
  };
}

function wordOf(error: unknown): string {
  if (error instanceof ProtocolError) return error.word;
  throw error;
}

function encode(packet: ClientPacket): Uint8Array {
  switch (packet.type) {
    case "handshake":
      return encodeHandshake(packet.known, packet.methods, packet.version);
    case "response":
      return encodeResponse(packet.method, packet.payload, packet.version);
    case "heartbeat":
      return encodeHeartbeat(packet.timestamp, packet.version);
    case "circuit":
      return encodeCircuit(packet.token, packet.version);
    case "signal":
      return encodeSignal(packet.identity, packet.payload, packet.version);
  }
}

function seeds(): readonly FuzzInput[] {
  const handshake = encodeHandshake(20, [1, 17, 20]);
  const answers = [encodeResponse(1, new Uint8Array(2)), encodeResponse(17, Uint8Array.of(0x61))];
  const whole = concatBytes([handshake, ...answers, encodeHeartbeat(1n), encodeHeartbeat(-1n)]);
  const asked = Uint8Array.of(answers.length);
  const signals = [1, 40].map((length) =>
    encodeSignal(new Uint8Array(32).fill(length), new Uint8Array(length)),
  );
  return [
    inputOf(whole, asked),
    inputOf(whole, asked, [3, 20, 21, 40]),
    inputOf(concatBytes([encodeHandshake(24, [19, 24]), ...signals, encodeHeartbeat(1n)]), Uint8Array.of(0)),
    inputOf(concatBytes([encodeCircuit(new Uint8Array(32)), Uint8Array.of(0x62)]), Uint8Array.of(0)),
    ...streamSeeds(
      "client to server",
      { handshake: new Uint8Array(0), setup: handshake, heartbeat: concatBytes([handshake, ...answers]) },
      () => asked,
    ),
  ];
}
